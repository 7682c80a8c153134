/// Runs by their first events, the earliest at the root.
///
/// Runs with the same first event are in the order of the heap's array. It decides which of several runs continues
/// under a skip strategy, so it belongs to the semantics: a binary heap, sifted like `java.util.PriorityQueue`.
package struct RunHeap {
    package private(set) var runs: [PatternRun] = []

    var first: PatternRun? { runs.first }

    var isEmpty: Bool { runs.isEmpty }

    init() {}

    /// Takes an array that is a heap already.
    init(_ runs: [PatternRun]) {
        self.runs = runs
    }

    var capacity: Int { runs.capacity }

    /// Becomes equal to another one, in room of its own that is in proportion to what it holds.
    mutating func take(_ other: RunHeap) {
        if runs.capacity > 4 * other.runs.count + Self.sparedRoom { runs = [] }
        runs.removeAll(keepingCapacity: true)
        if runs.capacity < other.runs.count { runs.reserveCapacity(other.runs.count + other.runs.count / 4) }
        runs.append(contentsOf: other.runs)
    }

    private static let sparedRoom = 32

    mutating func removeAll() { runs.removeAll(keepingCapacity: true) }

    mutating func insert(_ run: PatternRun) {
        var hole = runs.count
        runs.append(run)
        while hole > 0 {
            let parent = (hole - 1) >> 1
            if run.first >= runs[parent].first { break }
            runs[hole] = runs[parent]
            hole = parent
        }
        runs[hole] = run
    }

    mutating func removeFirst() -> PatternRun {
        let first = runs[0]
        let last = runs.removeLast()
        if !runs.isEmpty { sift(last, from: 0) }
        return first
    }

    /// Removes several at once: closes the gaps, then rebuilds the heap.
    mutating func removeAll(where isGone: (PatternRun) -> Bool) {
        let count = runs.count
        runs.removeAll(where: isGone)
        guard runs.count < count else { return }
        for index in stride(from: runs.count / 2 - 1, through: 0, by: -1) { sift(runs[index], from: index) }
    }

    private mutating func sift(_ run: PatternRun, from start: Int) {
        var hole = start
        let count = runs.count
        while hole < count >> 1 {
            var child = 2 * hole + 1
            if child + 1 < count, runs[child].first > runs[child + 1].first { child += 1 }
            if run.first <= runs[child].first { break }
            runs[hole] = runs[child]
            hole = child
        }
        runs[hole] = run
    }
}
