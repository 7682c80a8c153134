@testable import Assay
@testable import AssayCore

extension KeyedStage where Function: ~Copyable {
    /// Fires all timers up to a time, where nobody looks at the results one by one.
    mutating func advance(to watermark: EventTime, stream: Int = 0) {
        while fireNext(stream, upTo: watermark.milliseconds) {}
        findEarliestTimer()
    }
}
