import Arguments
import AssayCore

/// What a checkpoint holds of a table: the id of this delivery to it, and how many rows the state has made for it.
package struct DeliveryResume: Equatable {
    package let delivery: String
    package let rows: Int64

    private static let version: UInt8 = 1

    package init(delivery: String, rows: Int64) {
        self.delivery = delivery
        self.rows = rows
    }

    package init?(_ bytes: [UInt8]) {
        guard bytes.count > 9, bytes[0] == Self.version,
            let rows = Int64(exactly: UInt64(littleEndianBytes: bytes[1...]))
        else { return nil }
        self.init(delivery: String(decoding: bytes[9...], as: UTF8.self), rows: rows)
    }

    package var bytes: [UInt8] { [Self.version] + UInt64(rows).littleEndianBytes + Array(delivery.utf8) }
}

extension DeliveryResume {
    /// That of a table that nothing was delivered to.
    package static func new() -> DeliveryResume {
        DeliveryResume(delivery: String(UInt64.random(in: 1...UInt64.max), radix: 36), rows: 0)
    }
}

/// Where the delivery to a table begins: decided before the table is changed, the same for all databases.
package struct DeliveryPlan {
    package let resume: DeliveryResume
    /// The number of rows that are there already.
    package let delivered: Int64
    /// Whether rows of others go.
    package let clears: Bool

    /// `resume`: what the checkpoint has; `delivered`: what the database says of that delivery.
    package static func of(
        _ situation: OutputSituation, resume: DeliveryResume?, delivered: Int64?, isEmpty: Bool, appends: Bool,
        title: String
    ) throws(RunFailure) -> DeliveryPlan {
        if let resume, !situation.isFresh {
            guard let delivered = delivered ?? (resume.rows == 0 ? 0 : nil), delivered >= resume.rows else {
                throw RunFailure(
                    .badData,
                    "\(title) is not as checkpoint \(situation.checkpoint) left it; restore that database, or start "
                        + "over with --fresh")
            }
            return DeliveryPlan(resume: resume, delivered: delivered, clears: false)
        }
        let isOwn = situation.isFresh && delivered != nil
        guard isEmpty || appends || isOwn || situation.mayOverwrite else {
            throw RunFailure(
                .cannotCreate, "\(title) has rows; set 'append: true' for it, or start it over with --overwrite")
        }
        return DeliveryPlan(resume: DeliveryResume.new(), delivered: 0, clears: !isEmpty && !appends)
    }
}

/// What holds for the columns of tables, whatever keeps them.
package enum TableColumns {
    /// `named`: columns that the output names, for an index or a key.
    package static func check(
        _ columns: [StreamColumn]?, naming named: [SourceText], of stream: String,
        _ fault: (String, TextPosition?) -> ConfigurationError
    ) throws(ConfigurationError) {
        guard let columns else { throw unknown("a table", stream, fault) }
        var names: Set<String> = []
        for column in columns where !names.insert(column.name.lowercased()).inserted {
            throw fault(
                "'\(column.name)' is a column of '\(stream)' twice, as a table would have it: only the case of "
                    + "letters differs", nil)
        }
        for name in named where !columns.contains(where: { $0.name == name.text }) {
            let near = NearestName.of(name.text, among: columns.map(\.name))
            throw fault(
                "stream '\(stream)' has no column '\(name.text)'" + (near.map { "; did you mean '\($0)'?" } ?? ""),
                name.position)
        }
    }

    /// The fault of rows that may have any members.
    package static func unknown(
        _ what: String, _ stream: String, _ fault: (String, TextPosition?) -> ConfigurationError
    ) -> ConfigurationError {
        fault(
            "\(what) needs columns, and the rows of '\(stream)' may have any; give it a 'select', or declare "
                + "'input.fields'", nil)
    }
}
