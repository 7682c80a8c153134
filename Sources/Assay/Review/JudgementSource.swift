import AssayCore
import StateStore

/// Reads what people judge as lines of labels, once nobody can undo it any more.
///
/// A judgement becomes a label by getting a number, which is durable before the label is read. So a run that goes on
/// reads the same labels in the same order, whatever was judged, undone or judged anew since.
final class JudgementSource: Source {
    private let path: String
    private let reading: SourceReading
    private var store: ReviewStore?
    private var position: SourcePosition
    /// The number of the last label of the batch that was filled last.
    private var filled: UInt64
    private let isEnding = Locked(false)
    private let now: () -> Int64

    private static let waitMilliseconds: Int32 = 250
    /// So many get their numbers together.
    private static let mostAtOnce: Int64 = 100

    init(
        path: String, _ position: SourcePosition, _ reading: SourceReading,
        now: @escaping () -> Int64 = { WallClock.milliseconds }
    ) {
        (self.path, self.position, self.reading, self.now) = (path, position, reading, now)
        filled = position.offset
    }

    func fill(_ text: inout InputText, upTo limit: UInt64) throws(RunFailure) -> SourceOutcome {
        text.reset(offset: position.offset, firstLine: position.line + 1)
        var waitMilliseconds: Int32 = 0
        while true {
            if Interruption.isTriggered(reading.interruption, withinMilliseconds: waitMilliseconds) {
                return .interrupted
            }
            let ends = isEnding.withLock { $0 }
            if try append(to: &text, upTo: limit) { return .lines }
            if ends { return .end }
            if waitMilliseconds == 0 { reading.willWait() }
            waitMilliseconds = Self.waitMilliseconds
        }
    }

    /// One label at a time: where a line stands in its batch must be the same whenever it is read.
    private func append(to text: inout InputText, upTo limit: UInt64) throws(RunFailure) -> Bool {
        let label: (number: Int64, judgement: Judgement?)?
        do throws(StoreError) {
            if store == nil { store = try ReviewStore(path: path) }
            guard let store else { preconditionFailure("it was just opened") }
            let read = Int64(position.offset)
            try store.numberLabels(
                after: read, now: now(), grace: ReviewSettings.graceMilliseconds, limit: Self.mostAtOnce)
            label = try store.label(after: read, upTo: Int64(clamping: limit))
        } catch {
            throw RunFailure(.inputOutput, "the judgements in '\(path)' cannot be read, \(error.description)")
        }
        guard let label else { return false }
        // A blank line is passed over, and keeps the place of what was forgotten.
        let bytes = Array((label.judgement?.labelLine ?? "\n").utf8)
        if bytes.count > text.capacity { text.grow(to: bytes.count, keeping: 0) }
        bytes.withUnsafeBufferPointer { text.append($0) }
        text.count = text.filled
        filled = UInt64(label.number)
        return true
    }

    func advance(past text: borrowing InputText, lines: UInt64, csvHeader: [UInt8]) -> SourcePosition {
        position.offset = filled
        position.line += lines
        return position
    }

    func endWithOthers() { isEnding.withLock { $0 = true } }
}
