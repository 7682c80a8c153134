import AssayCore
import CivilTime

/// A file of labels, read whole.
package struct LabelFile: Sendable {
    package let path: String
    package let bytes: [UInt8]
    package let table: LabelTable

    package enum Fault: Error {
        case unreadable(FileError)
        case row(LabelTable.Fault)
    }

    private static let largestFile = 4 << 30

    package init(_ path: String, zone: TimeZoneRules) throws(Fault) {
        self.path = path
        do throws(FileError) {
            bytes = try readFile(path, atMost: Self.largestFile)
        } catch {
            throw .unreadable(error)
        }
        do throws(LabelTable.Fault) {
            table = try LabelTable(bytes, zone: zone)
        } catch {
            throw .row(error)
        }
    }

    /// The first row that does not say when it became known.
    package var firstWithoutTime: UInt64? { table.rows.first { $0.time == nil }?.line }

    package func scheduled(delayMilliseconds: Int64 = 0) -> ScheduledLabels {
        ScheduledLabels(table, bytes: bytes, delayMilliseconds: delayMilliseconds)
    }

    /// Whether it is what an earlier run had, with rows after that at most.
    func continues(_ record: StageRecord) -> Bool {
        guard let count = record[field: ScoringStage.labelBytesName],
            let digest = record[field: ScoringStage.labelDigestName]
        else { return true }
        guard count <= bytes.count else { return false }
        return bytes.prefix(Int(count)).withUnsafeBufferPointer { Int64(bitPattern: $0.stableHash) } == digest
    }
}
