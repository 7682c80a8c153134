import Assay
import AssayCore
import CivilTime
import Glibc
import StateStore

/// What can be read of a run: its figures at any time, its state as of the last checkpoint.
package struct RunPages: Sendable {
    let version: String
    let metrics: RunMetrics
    /// The folder of the state; nil where none is kept.
    let folder: String?
    private let shown: ShownContent

    package init(version: String, metrics: RunMetrics, folder: String?, _ shown: ShownContent) {
        (self.version, self.metrics, self.folder, self.shown) = (version, metrics, folder, shown)
    }

    /// What holds of the run's definition now.
    var content: DeskContent { shown.present }

    func metricsText(_ service: (inout MetricsPage) -> Void) -> String {
        var page = MetricsPage()
        metrics.write(into: &page, now: WallClock.milliseconds)
        service(&page)
        ProcessMetrics.write(version: version, into: &page)
        return page.text
    }

    func status() throws(Problem) -> JSON {
        guard let folder else { throw Problem(404, "this run keeps no state") }
        do throws(StoreError) {
            let path = "\(folder)/state.db"
            return StatusDocument.json(
                try StateView(path: path), path: path, owner: getpid(),
                snapshots: SnapshotFiles.ids(in: "\(folder)/snapshots"))
        } catch {
            throw .later(503, "the state cannot be read now")
        }
    }

    /// What the last checkpoint knows of a user, for runs that keep users and answer no questions themselves.
    func user(_ id: [UInt8]) throws(Problem) -> JSON {
        guard let folder else { throw Problem(404, "this run keeps no state") }
        do throws(StoreError) {
            let view = try StateView(path: "\(folder)/state.db")
            guard let record = try UserStates(view).record(of: id) else {
                throw StoreError(.cannotOpen, "looking for a user", "there is none")
            }
            return record.json(TimeText(.utc))
        } catch {
            guard error.kind == .cannotOpen else { throw .later(503, "the state cannot be read now") }
            throw Problem(404, "no such user is known")
        }
    }

    /// The sequences of patterns that a user has begun, as of the last checkpoint.
    func sequences(of id: [UInt8]) throws(Problem) -> JSON {
        guard let folder else { throw Problem(404, "this run keeps no state") }
        do throws(StoreError) {
            let view = try StateView(path: "\(folder)/state.db")
            let listing = try listing(of: view)
            let found = listing.isEmpty ? nil : try UserStates(view).sequences(of: id, listing)
            return (found ?? .none(of: String(decoding: id, as: UTF8.self))).json
        } catch {
            throw .later(503, "the state cannot be read now")
        }
    }

    private func listing(of view: StateView) throws(StoreError) -> SequenceListing {
        do throws(ConfigurationError) {
            return try SequenceListing(configuration: view.checkpoint?.configuration ?? "", isPipeline: false)
        } catch {
            throw StoreError(.damaged, "reading the patterns of the checkpoint", error.message)
        }
    }
}
