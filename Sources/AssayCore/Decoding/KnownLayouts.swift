/// How lines with the same bytes between their values are read.
protocol LineLayout {
    /// What the values of a line are for.
    associatedtype Field

    /// Whether `true`, `false` and `null` as the value of a field are a part of the layout. Otherwise each may take the
    /// place of the others.
    static var fixesWords: Bool { get }

    init()

    var shape: LineShape { get set }

    /// Returns where the value of a field goes; nil where a value of this kind is not read in this way, or where the
    /// field has one already.
    mutating func target(of field: Field, _ kind: LineShape.Kind) -> Int?

    /// Everything was added.
    mutating func finish()
}

/// The layouts of the last lines. Nearly all lines of a stream have one of a few: comparing what is between their
/// values, and finding the values' ends by marks, takes a third of parsing them.
///
/// A line of another layout, or with a value that some field does not take, is to be parsed, which finds the reason.
struct KnownLayouts<Layout: LineLayout> {
    /// The one that was met last; it has no steps while none is known.
    private var latest = Layout()
    private var others: [Layout] = []
    private var credit = mostCredit

    private static var mostOthers: Int { 3 }
    /// Learning takes as long as parsing several lines: lines that differ each time must not pay it each time.
    private static var mostCredit: Int { 64 }
    private static var learningCost: Int { 32 }

    /// Calls `take` with the layout of the line at `start`, and where the next one begins. Returns nil for a line that
    /// has to be parsed.
    @inline(__always)
    mutating func read<Result>(
        _ base: UnsafePointer<UInt8>, at start: Int, _ stops: UnsafePointer<UInt64>,
        _ take: (inout Layout, _ next: Int) -> Result?
    ) -> Result? {
        if let next = latest.shape.match(base, at: start, stops) { return take(&latest, next) }
        guard !others.isEmpty, let next = matchOther(base, at: start, stops) else { return nil }
        return take(&latest, next)
    }

    @inline(never)
    private mutating func matchOther(
        _ base: UnsafePointer<UInt8>, at start: Int, _ stops: UnsafePointer<UInt64>
    ) -> Int? {
        for index in others.indices {
            guard let next = others[index].shape.match(base, at: start, stops) else { continue }
            swap(&latest, &others[index])
            return next
        }
        return nil
    }

    /// A line was parsed and is what its readers want.
    mutating func learn(_ layout: @autoclosure () -> Layout?) {
        guard credit >= Self.learningCost else { return }
        credit -= Self.learningCost
        guard let layout = layout() else { return }
        if latest.shape.isKnown {
            if others.count == Self.mostOthers { others.removeLast() }
            others.insert(latest, at: 0)
        }
        latest = layout
    }

    /// So many lines had layouts that were known.
    mutating func note(known lines: Int) { credit = min(credit + lines, Self.mostCredit) }
}
