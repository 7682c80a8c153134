/// A count with its name.
package struct Tally: Equatable, Sendable {
    package var name: String
    package var count: UInt64

    package init(name: String, count: UInt64) {
        self.name = name
        self.count = count
    }
}

/// The log of one process function's states, as recorded in a checkpoint.
package struct LogExtent: Equatable, Sendable {
    package var function: Int64
    package var firstPage: Int64 = 1
    package var pageCount: Int64 = 0
    /// The sum of all pages' checksums, modulo 2^64.
    package var pageSum: UInt64 = 0
    package var keys: Int64 = 0

    package init(function: Int64) {
        self.function = function
    }
}

/// What a checkpoint holds of a stage: its position and counts. The states themselves are in the logs.
package struct StageRecord: Equatable, Sendable {
    /// A named number that a stage needs to resume.
    package struct Field: Equatable, Sendable {
        package var name: String
        package var value: Int64

        package init(name: String, value: Int64) {
            self.name = name
            self.value = value
        }
    }

    /// Elements taken so far, in all runs.
    package var sequence: UInt64 = 0
    /// The greatest event time so far, in milliseconds.
    package var eventTime: Int64 = 0
    /// In order of their names.
    package var tallies: [Tally] = []
    /// In order of their names.
    package var fields: [Field] = []
    /// In order of their functions.
    package var logs: [LogExtent] = []

    package init() {}

    package var keys: Int64 { logs.reduce(0) { $0 + $1.keys } }

    /// Of fields that say how many lines an input was behind.
    package static let lagPrefix = "lag:"

    package subscript(field name: String) -> Int64? { fields.first { $0.name == name }?.value }

    package func log(of function: Int64) -> LogExtent {
        logs.first { $0.function == function } ?? LogExtent(function: function)
    }
}

/// What a checkpoint changes in the log of one process function.
package struct LogChanges: Sendable {
    package let function: Int64
    package var pages: [StatePage]
    /// Pages with lower ids are dropped.
    package var firstPage: Int64

    package init(function: Int64, pages: [StatePage], firstPage: Int64) {
        self.function = function
        self.pages = pages
        self.firstPage = firstPage
    }
}

/// A complete cut through a stage's states.
package struct StageCut: Sendable {
    package var logs: [LogExtent]
    package var changes: [LogChanges]
    package var keysWritten: Int64
    package var bytesWritten: Int64
}

/// Committed pages of state logs.
package protocol StatePages: AnyObject {
    /// Calls `body` with a page that must be there.
    func read(
        _ page: Int64, of function: Int64,
        _ body: (_ entryCount: Int64, _ checksum: UInt64, UnsafeRawBufferPointer) -> Void
    ) throws(StoreError)

    /// Calls `body` with each page of a log, the newest first, after verifying its checksum. A page that is missing, or
    /// belongs to another log, is damage too.
    func readAll(
        of log: LogExtent,
        _ body: (Int64, _ entryCount: Int64, UnsafeRawBufferPointer) throws(StoreError) -> Void
    ) throws(StoreError)
}
