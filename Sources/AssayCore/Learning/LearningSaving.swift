/// What a model has to write at the next cut, and how far the present one is.
///
/// Everything is a cell: a kind and a number, and the bytes of something small. A cut writes the cells that changed.
/// From time to time all are written again over some cuts; then everything before that is dropped.
package struct LearningSaving: ~Copyable {
    /// What a cell is of.
    package enum Kind: UInt8, Sendable {
        case summary = 1
        case norms, weights, value, entries, statuses
    }

    /// Beside those of scoring and of pipelines.
    static let functionNumber: Int64 = 3
    static let entriesOfCell: UInt64 = 64
    static let statusesOfCell = PendingEntries.chunkEntries
    static let weightsOfCell = 64

    var log = StateLog(function: functionNumber)
    /// The norms or the weights are no longer what is written.
    var hasNewNorms = true
    var hasLearned = true
    /// Which of two cuts a change belongs to: the one under way and the next alternate.
    var presentCut: UInt8 = 1
    /// Values that changed since the last cut, in no cut yet, and those of the cut that is under way.
    var changedValues: [UInt32] = []
    var cutValues: [UInt32] = []
    var writtenValues = 0
    /// The same for cells of statuses.
    var changedStatuses: Set<UInt64> = []
    var cutStatuses: Set<UInt64> = []
    /// The cell that changed last, since entries mature in order.
    var lastStatuses = UInt64.max
    /// The first entry that no cut has written, and the range of the present one.
    var firstUnwritten: UInt64 = 1
    var cutEntries: Range<UInt64> = 1..<1
    var isCutUnderWay = false
    /// Everything is being written again.
    var sweep: Sweep?
    /// Takes the bytes of cells and of users.
    var room = OutputBuffer(capacity: 1 << 12)
    var key = OutputBuffer(capacity: 16)
    /// Takes cells in place of the log.
    var collected: [(key: [UInt8], value: [UInt8])]?

    struct Sweep {
        let mark: StateLog.Mark
        var nextValue = 0
        var nextStatuses: UInt64 = 0
        var nextEntries: UInt64 = 0
        /// All of it is written; what is left is changes that belong to the next cut.
        var isDone = false
        var bytesInCut: Int64 = 0
    }

    /// Logs smaller than this are left alone.
    var smallestLog: Int64 = 4 << 20
    /// A log may be so many times what it holds.
    static let longestLog: Int64 = 3

    /// What changed so far is the cut's.
    mutating func beginCut() {
        swap(&cutValues, &changedValues)
        swap(&cutStatuses, &changedStatuses)
        writtenValues = 0
        lastStatuses = .max
        presentCut = 3 - presentCut
    }

    mutating func append(_ kind: Kind, _ number: UInt64) {
        key.removeAll()
        key.append(byte: kind.rawValue)
        key.append(varint: number)
        if collected != nil {
            collected!.append((Array(key.bytes), Array(room.bytes)))
        } else {
            _ = log.append(key: key.bytes, value: room.bytes, previousPage: 0)
        }
    }
}

extension LearnedModel {
    // MARK: Changes

    /// Called before a value changes: writes it now if the cut still needs it as it was.
    func noteChange(ofValue value: Int) {
        let cut = values.cut(of: value)
        if cut == saving.presentCut { return }
        if cut != 0 { write(value: value) }
        values.setCut(saving.presentCut, of: value)
        saving.changedValues.append(UInt32(value))
    }

    /// The same for the status of an entry.
    func noteStatus(of entry: UInt64) {
        let cell = entry / LearningSaving.statusesOfCell
        if cell == saving.lastStatuses { return }
        saving.lastStatuses = cell
        if saving.cutStatuses.remove(cell) != nil { write(statuses: cell) }
        saving.changedStatuses.insert(cell)
    }

    // MARK: Cuts

    package func beginCut() {
        precondition(!saving.isCutUnderWay, "one cut at a time")
        saving.isCutUnderWay = true
        saving.log.beginCut()
        saving.beginCut()
        values.holdRemoved()
        let first = max(saving.firstUnwritten, entries.oldest)
        saving.cutEntries = first..<max(first, entries.end)
        // Whatever waits now is part of the cut, even what leaves before it is written.
        entries.keptFrom = entries.oldest - entries.oldest % PendingEntries.chunkEntries
        beginSweep()
        if saving.hasNewNorms || saving.sweep != nil { writeNorms() }
        if saving.hasLearned || saving.sweep != nil { writeWeights() }
        writeSummary()
        // What is learned from here on belongs to the next cut, even while this one is being written.
        (saving.hasNewNorms, saving.hasLearned) = (false, false)
    }

    /// Continues the cut for a while. Returns true when it is complete.
    package func continueCut(states count: Int) -> Bool {
        var rest = count
        while rest > 0, saving.writtenValues < saving.cutValues.count {
            let value = Int(saving.cutValues[saving.writtenValues])
            saving.writtenValues += 1
            rest -= 1
            // Those that have changed since were written before the change.
            guard values.cut(ofPlace: value) == 3 - saving.presentCut else { continue }
            write(value: value)
            values.noteWritten(value)
        }
        while rest > 0, let cell = saving.cutStatuses.popFirst() {
            write(statuses: cell)
            rest -= 64
        }
        while rest > 0, !saving.cutEntries.isEmpty {
            let cell = saving.cutEntries.lowerBound / LearningSaving.entriesOfCell
            write(entries: cell, upTo: saving.cutEntries.upperBound)
            let next = (cell + 1) * LearningSaving.entriesOfCell
            saving.firstUnwritten = min(next, saving.cutEntries.upperBound)
            saving.cutEntries = min(next, saving.cutEntries.upperBound)..<saving.cutEntries.upperBound
            rest -= 16
        }
        guard saving.writtenValues == saving.cutValues.count, saving.cutStatuses.isEmpty, saving.cutEntries.isEmpty
        else { return false }
        return continueSweep(&rest)
    }

    /// What a complete cut has to write, and what its record says.
    package func takeCut() -> (extent: LogExtent, changes: LogChanges, bytes: Int64) {
        precondition(saving.isCutUnderWay, "a cut was begun")
        saving.isCutUnderWay = false
        saving.cutValues.removeAll(keepingCapacity: true)
        entries.dropUnneeded()
        let bytes = saving.log.cutBytes
        let changes = saving.log.takeCut()
        return (saving.log.extent, changes, bytes)
    }

    package func noteCommitted() { saving.log.noteCommitted() }

    /// The log at the last cut.
    package var extent: LogExtent { saving.log.extent }

    /// The bytes of changes that are in no checkpoint.
    package var changedBytes: Int {
        saving.changedValues.count * 100 + saving.changedStatuses.count * Int(LearningSaving.statusesOfCell)
            + Int(entries.end - min(entries.end, saving.firstUnwritten)) * entries.layout.stride
    }

    package var memoryBytes: Int {
        entries.memoryBytes + values.memoryBytes + layout.slotCount * MemoryLayout<Weights.Slot>.stride
    }

    // MARK: Writing everything again

    /// About what all cells take.
    private var heldBytes: Int64 {
        Int64(entries.count * (entries.layout.stride + 8) + values.end * 96 + weights.usedCount * 20) + 1 << 16
    }

    private func beginSweep() {
        if let sweep = saving.sweep {
            saving.sweep!.bytesInCut = 0
            // The changes that it left to this cut are among what this cut writes.
            if sweep.isDone { dropSwept(sweep) }
            return
        }
        guard saving.log.byteCount > saving.smallestLog,
            saving.log.byteCount > LearningSaving.longestLog * heldBytes
        else { return }
        saving.sweep = LearningSaving.Sweep(mark: saving.log.mark)
        saving.sweep!.nextEntries = entries.oldest / LearningSaving.entriesOfCell
        saving.sweep!.nextStatuses = entries.oldest / LearningSaving.statusesOfCell
    }

    private func dropSwept(_ sweep: LearningSaving.Sweep) {
        saving.log.drop(before: sweep.mark)
        saving.sweep = nil
    }

    /// Returns true when this cut needs no more of it.
    private func continueSweep(_ rest: inout Int) -> Bool {
        guard saving.sweep != nil, !saving.sweep!.isDone else { return true }
        while rest > 0 {
            if saving.sweep!.nextValue < values.end {
                let value = saving.sweep!.nextValue
                saving.sweep!.nextValue += 1
                if values.isInUse(value), values.cut(of: value) == 0 { write(value: value) }
                rest -= 1
            } else if saving.sweep!.nextStatuses * LearningSaving.statusesOfCell < saving.firstUnwritten {
                let cell = saving.sweep!.nextStatuses
                saving.sweep!.nextStatuses += 1
                if !saving.changedStatuses.contains(cell) { write(statuses: cell) }
                rest -= 64
            } else if saving.sweep!.nextEntries * LearningSaving.entriesOfCell < saving.firstUnwritten {
                let cell = saving.sweep!.nextEntries
                saving.sweep!.nextEntries += 1
                write(entries: cell, upTo: saving.firstUnwritten)
                rest -= 16
            } else {
                saving.sweep!.isDone = true
                return true
            }
        }
        return false
    }

    // MARK: All at once

    private func writeAll() {
        for value in 0..<values.end where values.isInUse(value) { write(value: value) }
        let oldest = entries.oldest
        for cell in oldest / LearningSaving.statusesOfCell...entries.end / LearningSaving.statusesOfCell {
            write(statuses: cell)
        }
        for cell in oldest / LearningSaving.entriesOfCell...entries.end / LearningSaving.entriesOfCell {
            write(entries: cell, upTo: entries.end)
        }
        writeNorms()
        writeWeights()
        writeSummary()
    }

    /// All cells, for a log that begins with them.
    package func allCells() -> [(key: [UInt8], value: [UInt8])] {
        saving.collected = []
        defer { saving.collected = nil }
        writeAll()
        return saving.collected ?? []
    }

    /// A cut that writes everything and drops what was before.
    package func rewrite() -> (extent: LogExtent, changes: LogChanges, bytes: Int64) {
        precondition(!saving.isCutUnderWay, "one cut at a time")
        let mark = saving.log.mark
        saving.isCutUnderWay = true
        saving.log.beginCut()
        writeAll()
        saving.log.drop(before: mark)
        saving.firstUnwritten = entries.end
        (saving.hasNewNorms, saving.hasLearned) = (false, false)
        return takeCut()
    }

    // MARK: Cells

    private func write(value: Int) {
        saving.room.removeAll()
        if values.isInUse(value) {
            saving.room.append(byte: UInt8(values.key(of: value)))
            values.withText(value) { saving.room.append(text: $0) }
            if let memory = values.memory(value) {
                saving.room.append(varint: values.order(value))
                memory.encode(into: &saving.room)
            }
        }
        saving.append(.value, UInt64(value))
    }

    private func write(statuses cell: UInt64) {
        saving.room.removeAll()
        saving.room.reserve(Int(LearningSaving.statusesOfCell))
        let first = cell * LearningSaving.statusesOfCell
        // A cell is a chunk of entries.
        guard entries.isPresent(first) else { return }
        for entry in first..<first + LearningSaving.statusesOfCell {
            saving.room.write(entry < entries.end && entry > 0 ? entries.status(entry).bits : 0)
        }
        saving.append(.statuses, cell)
    }

    private func write(entries cell: UInt64, upTo end: UInt64) {
        saving.room.removeAll()
        let first = max(cell * LearningSaving.entriesOfCell, 1)
        let last = min((cell + 1) * LearningSaving.entriesOfCell, end)
        guard first < last, entries.isPresent(first) else { return }
        saving.room.append(varint: last - first)
        for entry in first..<last { entries.encode(entry, into: &saving.room) }
        saving.append(.entries, cell)
    }

    private func writeNorms() {
        saving.room.removeAll()
        norms.encode(into: &saving.room)
        saving.append(.norms, 0)
    }

    private func writeWeights() {
        for cell in 0...(layout.slotCount - 1) / LearningSaving.weightsOfCell {
            let slots =
                cell
                * LearningSaving.weightsOfCell..<min(
                    (cell + 1) * LearningSaving.weightsOfCell, layout.slotCount)
            saving.room.removeAll()
            if weights.encode(slots, into: &saving.room) { saving.append(.weights, UInt64(cell)) }
        }
    }

    private func writeSummary() {
        saving.room.removeAll()
        LearningSummary(self).encode(into: &saving.room)
        saving.append(.summary, 0)
    }
}

extension RiskMemory {
    func encode(into bytes: inout OutputBuffer) {
        bytes.append(varint: UInt64(last))
        bytes.append(double: recent)
        for index in 0..<3 { bytes.append(double: frauds[index]) }
        for index in 0..<3 { bytes.append(double: labels[index]) }
    }

    init(_ reader: inout StateByteReader) throws(StateDecodingError) {
        self.init(last: try reader.time().milliseconds)
        recent = try reader.double()
        for index in 0..<3 { frauds[index] = try reader.double() }
        for index in 0..<3 { labels[index] = try reader.double() }
    }
}
