import AssayCore
import Glibc
import StateStore

/// The thread that makes checkpoints durable: output first, then state and positions in one transaction. Only this
/// thread uses the store during a run.
struct Committer: ~Copyable {
    struct Job: Sendable {
        var record: CheckpointRecord
        let changes: [LogChanges]
        /// Descriptors of files to sync first.
        let files: [Int32]
        /// When the cut was made, on the monotonic clock.
        let begun: Double
    }

    enum Outcome: Sendable {
        case committed(CheckpointRecord)
        case storeFailed(StoreError)
        /// The output's bytes may be lost, so nothing can be built on them.
        case outputNotDurable(errorNumber: Int32)
        /// A snapshot failed, which does not harm the run.
        case snapshotFailed(StoreError)
    }

    private let jobs = Mailbox<Job>()
    private let thread: WorkerThread

    init(
        store: StateStore, folder: String, snapshots: SnapshotPlan?,
        report: @escaping @Sendable (Outcome) -> Void
    ) {
        let jobs = jobs
        thread = WorkerThread {
            var snapshots = snapshots.map { SnapshotMaker(plan: $0, folder: folder, now: MonotonicClock.seconds) }
            while let job = jobs.receive() {
                let outcome = Self.commit(job, store)
                report(outcome)
                guard case .committed(let record) = outcome else { continue }
                do throws(StoreError) {
                    try snapshots?.make(of: record, store, now: MonotonicClock.seconds)
                } catch {
                    report(.snapshotFailed(error))
                }
            }
        }
    }

    func commit(_ job: Job) {
        jobs.send(job)
    }

    /// Waits for the commit that is under way.
    consuming func stop() {
        jobs.close()
        thread.join()
    }

    static func commit(_ job: Job, _ store: StateStore) -> Outcome {
        for file in job.files where fsync(file) != 0 { return .outputNotDurable(errorNumber: errno) }
        var record = job.record
        record.durationMicroseconds = Int64((MonotonicClock.seconds - job.begun) * 1e6)
        do throws(StoreError) {
            try store.commit(record, job.changes)
            return .committed(record)
        } catch {
            return .storeFailed(error)
        }
    }
}

/// When snapshots are made, and how many are kept.
package struct SnapshotPlan: Sendable {
    package var intervalSeconds: Double
    package var kept: Int

    package init(intervalSeconds: Double, kept: Int) {
        self.intervalSeconds = intervalSeconds
        self.kept = kept
    }
}

/// Makes a snapshot when one is due, and removes the oldest.
struct SnapshotMaker {
    private let plan: SnapshotPlan
    private let folder: String
    private var last: Double

    init(plan: SnapshotPlan, folder: String, now: Double) {
        self.plan = plan
        self.folder = "\(folder)/snapshots"
        last = now
    }

    mutating func make(of record: CheckpointRecord, _ store: StateStore, now: Double) throws(StoreError) {
        guard now - last >= plan.intervalSeconds else { return }
        last = now
        if mkdir(folder, 0o755) != 0, errno != EEXIST {
            throw StoreError(.inputOutput, "creating '\(folder)'", String(cString: strerror(errno)))
        }
        try store.writeSnapshot(to: "\(folder)/\(record.id).db")
        for id in SnapshotFiles.ids(in: folder).dropLast(plan.kept) { unlink("\(folder)/\(id).db") }
    }
}
