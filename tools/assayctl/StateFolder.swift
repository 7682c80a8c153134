import Arguments
import Assay
import AssayCore
import CivilTime
import Glibc
import StateStore

/// The folder of state that a command works on.
struct StateFolder {
    let path: String

    init(_ arguments: ParsedArguments) {
        path = arguments.text("state") ?? "Checkpoints"
    }

    var database: String { "\(path)/state.db" }
    var snapshots: SnapshotFolder { SnapshotFolder(state: path) }

    /// The process that scores here, if there is one. Its lock is not touched, and the system's list of all locks is
    /// not read, since that blocks all locking for some milliseconds.
    var owner: Int32? {
        let lock = "\(path)/lock"
        guard let resolved = realpath(lock, nil),
            let bytes = try? readFile(lock, atMost: 64),  // without it nobody was here
            let pid = Int32(String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)), pid > 0
        else { return nil }
        defer { free(resolved) }
        guard let descriptors = opendir("/proc/\(pid)/fd") else {
            // Another user's process hides what it has open.
            return errno == EACCES ? pid : nil
        }
        defer { closedir(descriptors) }
        var target = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        while let entry = readdir(descriptors) {
            let count = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) {
                    readlinkat(dirfd(descriptors), $0, &target, Int(PATH_MAX))
                }
            }
            guard count > 0 else { continue }
            target[count] = 0
            if strcmp(target, resolved) == 0 { return pid }
        }
        return nil
    }

    /// Opens the last checkpoint of the users' state for reading.
    func open() throws(Failure) -> OpenState {
        try open(database)
    }

    /// Opens a snapshot of the users' state, or a database by its path, for reading.
    func open(_ file: String) throws(Failure) -> OpenState {
        let state = try openAny(file)
        guard !state.isPipeline else {
            throw Failure(
                code: .usage,
                message:
                    "'\(file)' is the state of a pipeline, which has no users; 'assayctl status', 'checkpoints', "
                    + "'verify', 'snapshot' and 'restore' look after it")
        }
        return state
    }

    /// The same, also for a pipeline's state.
    func openAny(_ file: String? = nil) throws(Failure) -> OpenState {
        let file = file ?? database
        guard access(file, F_OK) == 0 else {
            throw Failure(code: .noInput, message: "there is no state at '\(file)'; name its folder with --state")
        }
        // A process that scores has priority.
        if owner != nil { Courtesy.yieldToOthers() }
        do throws(StoreError) {
            return try OpenState(StateView(path: file))
        } catch {
            throw Failure(error, file: file)
        }
    }

    /// Takes the right to change the state, until the lock is released.
    func lock() throws(Failure) -> StoreLock {
        guard access(path, F_OK) == 0 else {
            throw Failure(code: .noInput, message: "there is no state in '\(path)'; name its folder with --state")
        }
        do throws(StoreError) {
            return try StoreLock(folder: path)
        } catch {
            throw Failure(error, file: path)
        }
    }
}

/// The snapshots beside a state.
struct SnapshotFolder {
    let path: String

    init(state: String) {
        path = "\(state)/snapshots"
    }

    func file(_ id: Int64) -> String { "\(path)/\(id).db" }

    /// The checkpoints with snapshots, in the order in which they were made.
    var ids: [Int64] { SnapshotFiles.ids(in: path) }
}

/// State that is open for reading, with the settings that it was made with.
final class OpenState {
    let view: StateView
    let settings: ScoringSettings
    let resolved: Configuration.Resolved
    let clock: TimeText
    private var found: UserStates?
    /// Whether it is that of 'assay run', which has no users.
    let isPipeline: Bool

    init(_ view: StateView) throws(StoreError) {
        self.view = view
        isPipeline = try view.functionNames().contains(StoredFunction.pipeline.name)
        // A pipeline records its streams there, and has no settings.
        let recorded = isPipeline ? "" : view.checkpoint?.configuration ?? ""
        do throws(ConfigurationError) {
            resolved = try Configuration.recorded(recorded).resolveWithoutRules(
                path: "the checkpoint's configuration")
        } catch {
            throw StoreError(.damaged, "reading the checkpoint's configuration", error.message)
        }
        settings = resolved.scoring
        clock = TimeText(resolved.zone)
    }

    /// Resolves the settings with the rules of the last checkpoint, unless their lists have changed.
    func resolvedWithRules() throws(ConfigurationError) -> Configuration.Resolved {
        try Configuration.recorded(view.checkpoint?.configuration ?? "").resolve(
            path: "the checkpoint's configuration")
    }

    /// The users of the stream of a pipeline that scores.
    func scoredUsers() throws(Failure) -> UserStates {
        try reading { () throws(StoreError) in try UserStates(view, .scored) }
    }

    /// The users, or all keys of a pipeline.
    func users() throws(Failure) -> UserStates {
        if let found { return found }
        do throws(StoreError) {
            let users = try UserStates(view)
            found = users
            return users
        } catch {
            throw Failure(error, file: view.path)
        }
    }

    /// Runs `body`, which reads the state.
    func reading<Result>(_ body: () throws(StoreError) -> Result) throws(Failure) -> Result {
        do throws(StoreError) {
            return try body()
        } catch {
            throw Failure(error, file: view.path)
        }
    }
}

extension Failure {
    init(_ error: StoreError, file: String) {
        switch error.kind {
        case .damaged:
            self.init(
                code: .badData,
                message: "'\(file)' is damaged, \(error.description); 'assayctl verify' tells more, "
                    + "'assayctl restore' brings a snapshot back")
        case .newerFormat: self.init(code: .badData, message: "\(error.message); use a newer assayctl")
        case .inUse(let pid):
            let owner = pid.map { "process \($0)" } ?? "another process"
            self.init(code: .inUse, message: "the state in '\(file)' is in use by \(owner); wait for it, or stop it")
        case .inputOutput, .cannotOpen:
            self.init(code: .inputOutput, message: "'\(file)' cannot be used, \(error.description)")
        }
    }
}

/// The current moment, for ages.
enum Now {
    static let milliseconds: Int64 = {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }()

    /// `3 min ago`, or `in 2 h` for the future.
    static func age(_ moment: Int64) -> String {
        let seconds = Double(abs(milliseconds - moment)) / 1000
        let span =
            seconds < 172_800 ? Figures.span(seconds: seconds) : "\(Figures.grouped(Int64(seconds / 86_400))) days"
        return moment <= milliseconds ? "\(span) ago" : "in \(span)"
    }
}
