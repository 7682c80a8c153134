import Arguments
import Assay
import AssayCore
import CivilTime
import Glibc
import StateStore

/// `assay report`.
enum ReportCommand {
    static func run(_ arguments: ParsedArguments) throws(Failure) {
        let folder = arguments.operands.first ?? "Checkpoints"
        let period = try period(arguments)
        let report: StateReport
        do throws(StoreError) {
            report = try StateReport(
                try StateView(path: "\(folder)/state.db"), snapshots: snapshots(folder), queue: queue(folder),
                period: period)
        } catch {
            guard error.kind != .cannotOpen else {
                throw Failure(code: .noInput, message: "there is no state in '\(folder)' to report of")
            }
            throw Failure(code: .badData, message: "the state in '\(folder)' cannot be read: \(error.description)")
        }
        let title = "Assay: \(folder)" + dates(arguments)
        try Files.write(
            ReportPage(report, title: title).html, to: arguments.text("output") ?? "-",
            mayOverwrite: arguments.flag("overwrite"))
    }

    private static func dates(_ arguments: ParsedArguments) -> String {
        let (from, to) = (arguments.text("from"), arguments.text("to"))
        return (from.map { ", from \($0)" } ?? "") + (to.map { ", before \($0)" } ?? "")
    }

    private static func period(_ arguments: ParsedArguments) throws(Failure) -> Range<Int64> {
        let from = try time(arguments, "from") ?? .min
        let to = try time(arguments, "to") ?? .max
        guard from < to else { throw Failure(code: .usage, message: "--from has to be before --to") }
        return from..<to
    }

    private static func time(_ arguments: ParsedArguments, _ option: String) throws(Failure) -> Int64? {
        guard let text = arguments.text(option) else { return nil }
        guard let time = EventTime(shown: text, zone: .utc) else {
            throw Failure(
                code: .usage, message: "--\(option) takes a time such as 2026-01-31 or 2026-01-31T12:00:00Z")
        }
        return time.milliseconds
    }

    /// Those that cannot be read are left out, and said to be.
    private static func snapshots(_ folder: String) -> [StateView] {
        SnapshotFiles.ids(in: "\(folder)/snapshots").compactMap { id in
            let path = "\(folder)/snapshots/\(id).db"
            do throws(StoreError) {
                return try StateView(path: path)
            } catch {
                Diagnostics.warning("\(path) is left out: \(error.description)")
                return nil
            }
        }
    }

    private static func queue(_ folder: String) -> ReviewStore? {
        let path = "\(folder)/\(ReviewStore.fileName)"
        guard access(path, F_OK) == 0 else { return nil }
        do throws(StoreError) {
            return try ReviewStore(path: path, .read)
        } catch {
            Diagnostics.warning("the queue is left out: \(error.description)")
            return nil
        }
    }
}
