/// What the source of the service wants to see again with a batch: whose lines these are, and where they stand in the
/// journal.
///
/// @unchecked Sendable: one thread holds the batch at a time, and its receipt with it; only `origin(of:)` is asked by
/// others, of what does not change any more.
final class Receipt: @unchecked Sendable {
    /// Lines that follow each other in the batch and in a request.
    private struct Part {
        let firstLine: Int
        let submission: Submission
        let firstNumber: Int
        var places: [Range<Int>]
    }

    /// Nil for lines that come out of the journal, which nobody waits for.
    let number: UInt64?
    private var parts: [Part] = []
    private var lines = 0
    /// By transaction of the batch, the numbers under which they are remembered.
    var entries: [UInt64] = []
    /// Where the accepted lines begin in the journal; of lines out of it, where they end.
    var journal = JournalPlace()
    /// Of lines out of the journal, where the batch begins.
    var start: UInt64 = 0
    /// Users and ids one after the other, where each ends, and the lines that they are on.
    private var keys: [UInt8] = []
    private var ends: [(user: Int, id: Int, line: UInt32)] = []

    init(number: UInt64?) {
        self.number = number
    }

    func append(_ submission: Submission, _ place: Range<Int>, number: Int) {
        let last = parts.count - 1
        // The part is not taken out to be looked at: its places would be copied to be changed.
        if last >= 0, parts[last].submission === submission,
            parts[last].firstNumber + parts[last].places.count == number
        {
            parts[last].places.append(place)
        } else {
            parts.append(Part(firstLine: lines, submission: submission, firstNumber: number, places: [place]))
        }
        lines += 1
    }

    /// Notes the transaction of the next entry.
    func note(_ user: UnsafeBufferPointer<UInt8>, _ id: UnsafeBufferPointer<UInt8>, line: UInt32) {
        keys.append(contentsOf: user)
        let end = keys.count
        keys.append(contentsOf: id)
        ends.append((end, keys.count, line))
    }

    /// Whether an entry is that of a user and id.
    func isAbout(_ user: UnsafeBufferPointer<UInt8>, _ id: UnsafeBufferPointer<UInt8>, at index: Int) -> Bool {
        let start = index > 0 ? ends[index - 1].id : 0
        return keys[start..<ends[index].user].elementsEqual(user)
            && keys[ends[index].user..<ends[index].id].elementsEqual(id)
    }

    func line(at index: Int) -> UInt32 { ends[index].line }

    func forEachSubmission(_ body: (Submission) -> Void) {
        for part in parts { body(part.submission) }
    }

    /// Whose a line of the batch is, its number in the request, and its place in the body.
    func origin(of line: Int) -> (submission: Submission, number: Int, place: Range<Int>) {
        var (low, high) = (0, parts.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if parts[middle].firstLine <= line { low = middle } else { high = middle }
        }
        let part = parts[low]
        let index = line - part.firstLine
        return (part.submission, part.firstNumber + index, part.places[index])
    }
}

/// A place in the journal: a segment, by the number of the first transaction in it, and an offset.
struct JournalPlace: Equatable, Sendable {
    var segment: UInt64 = 1
    var offset: UInt64 = 0
}
