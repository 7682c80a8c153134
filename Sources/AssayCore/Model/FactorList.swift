/// The factors of a batch's transactions, one after another, and the type names that some of them list.
package struct FactorList: Sendable {
    private(set) var factors: [RiskFactor] = []
    /// Each name after its length.
    private(set) var names: [UInt8] = []
    private(set) var shadows: [Shadow] = []
    /// The texts of rules' reasons, one after the other.
    private var reasons: [UInt8] = []

    /// The range of a rule's reason.
    struct Reason: Sendable {
        fileprivate let first: UInt32
        fileprivate let count: UInt32
    }

    /// A rule that fired and changes nothing.
    struct Shadow: Sendable {
        let rule: UInt16
        let reason: Reason
    }

    @inline(__always)
    mutating func append(_ factor: RiskFactor) {
        factors.append(factor)
    }

    mutating func append(_ shadow: Shadow) {
        shadows.append(shadow)
    }

    mutating func addReason(_ text: some Collection<UInt8>) -> Reason {
        defer { reasons += text }
        return Reason(first: UInt32(reasons.count), count: UInt32(text.count))
    }

    func withText<Result>(_ reason: Reason, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        reasons.withUnsafeBufferPointer {
            body(UnsafeBufferPointer(rebasing: $0[Int(reason.first)..<Int(reason.first + reason.count)]))
        }
    }

    /// Returns where the first of the names is.
    mutating func addNames(_ added: [[UInt8]]) -> UInt32 {
        let first = UInt32(names.count)
        for name in added {
            names.append(UInt8(name.count))
            names += name
        }
        return first
    }

    /// Visits `count` names from the one at `first`.
    func forEachName(_ first: UInt32, count: UInt32, _ body: (ArraySlice<UInt8>) -> Void) {
        var start = Int(first)
        for _ in 0..<count {
            let end = start + 1 + Int(names[start])
            body(names[start + 1..<end])
            start = end
        }
    }

    mutating func removeAll() {
        factors.removeAll(keepingCapacity: true)
        names.removeAll(keepingCapacity: true)
        shadows.removeAll(keepingCapacity: true)
        reasons.removeAll(keepingCapacity: true)
    }
}
