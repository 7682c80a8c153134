import CBytes

/// What many lines have in common: the bytes between their values. Copies share what was learned and read.
struct LineShape {
    private let memory = LineMemory()
    // Where the steps and the values are: reading them there takes neither a copy nor a reference.
    private let steps: UnsafeMutablePointer<assay_step>
    private let values: UnsafeMutablePointer<assay_values>
    private var stepCount = 0

    init() { (steps, values) = (memory.steps, memory.values) }

    /// What a value is made of.
    enum Kind {
        case text, number, null, bool, object, list
    }

    /// So many values can be read of a line.
    static let mostTargets = Int(ASSAY_TARGETS) - 1
    /// The target of values that nobody wants.
    private static let nobody = UInt16(mostTargets)
    fileprivate static let mostSteps = 256

    // MARK: Learning

    /// Adds the bytes up to a value, and how that is read. Returns false when there are more than are kept.
    mutating func add(_ bytes: UnsafeBufferPointer<UInt8>, _ kind: Int, _ target: Int?) -> Bool {
        var rest = bytes[...]
        repeat {
            let part = rest.prefix(Int(ASSAY_STEP_BYTES))
            rest = rest.dropFirst(part.count)
            guard stepCount < Self.mostSteps else { return false }
            var step = assay_step()
            withUnsafeMutableBytes(of: &step.bytes) { $0.copyBytes(from: part) }
            withUnsafeMutableBytes(of: &step.mask) { mask in for index in 0..<part.count { mask[index] = 0xFF } }
            step.count = UInt32(part.count)
            step.kind = UInt8(rest.isEmpty ? kind : ASSAY_STEP_NONE)
            step.is_text = Int(step.kind) == ASSAY_STEP_TEXT
            step.target = target.map(UInt16.init) ?? Self.nobody
            steps[stepCount] = step
            stepCount += 1
        } while !rest.isEmpty
        return true
    }

    // MARK: Reading lines

    var isKnown: Bool { stepCount > 0 }

    /// Reads a line. Returns where the next one begins; nil where it has another shape.
    @inline(__always)
    mutating func match(_ base: UnsafePointer<UInt8>, at start: Int, _ stops: UnsafePointer<UInt64>) -> Int? {
        guard isKnown else { return nil }
        let next = assay_match_layout(steps, base, start, stops, values)
        guard next > 0 else { return nil }
        return values.pointee.has_high_bytes || next - start > longestLine ? checked(base, from: start, to: next) : next
    }

    @inline(never)
    private func checked(_ base: UnsafePointer<UInt8>, from start: Int, to next: Int) -> Int? {
        let line = LineBounds(start: base + start, newline: base + next - 1)
        return line.encodingProblem() == nil ? next : nil
    }

    @inline(__always)
    func slice(_ target: Int) -> ByteSlice {
        let slice = assay_value_slice(values, UInt32(target))
        return ByteSlice(offset: slice.offset, count: slice.count)
    }

    @inline(__always)
    func number(_ target: Int) -> Double { assay_value_number(values, UInt32(target)) }

    /// Whether a number has a point.
    @inline(__always)
    func hasFraction(_ target: Int) -> Bool { values.pointee.fractions >> UInt32(target) & 1 == 1 }
}

/// The steps, and the values of the line that was read last, at a fixed place.
private final class LineMemory {
    let steps = UnsafeMutablePointer<assay_step>.allocate(capacity: LineShape.mostSteps)
    let values = UnsafeMutablePointer<assay_values>.allocate(capacity: 1)

    init() { values.initialize(to: assay_values()) }

    deinit {
        steps.deallocate()
        values.deallocate()
    }
}
