import Assay
import AssayCore
import Glibc
import StateStore

/// What can be read of a run: its figures at any time, its state as of the last checkpoint.
package struct RunPages: Sendable {
    let version: String
    let metrics: RunMetrics
    /// The folder of the state; nil where none is kept.
    let folder: String?

    package init(version: String, metrics: RunMetrics, folder: String?) {
        (self.version, self.metrics, self.folder) = (version, metrics, folder)
    }

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
}
