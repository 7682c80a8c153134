import CEL

/// A pattern ready to be matched. Never changed.
package final class PatternPlan: Sendable {
    /// Holds when any alternative does.
    package struct Condition: Sendable {
        /// Which expressions have to hold, by their numbers in the two programs.
        struct Alternative: Sendable {
            /// Known as soon as the event is there.
            let apart: Int?
            /// Known once it is shown to a run.
            let rest: Int?
        }

        let alternatives: [Alternative]
        /// For people: whose condition it is, and what it says.
        package let label: String
        package let text: String
    }

    package let name: String
    package let automaton: Automaton
    package let conditions: [Condition]
    let limits: PatternMatcher.Limits
    /// Conditions over what a run has taken.
    let iterative: Program
    /// What those read of the event itself.
    let keptSlots: [Int]
    /// Of the name and everything that the pattern means: a state belongs to it.
    let fingerprint: UInt64

    /// `text`: everything that it means, on one line.
    init(
        name: String, automaton: Automaton, conditions: [Condition], limits: PatternMatcher.Limits,
        iterative: Program, keptSlots: [Int], text: String
    ) {
        self.name = name
        self.automaton = automaton
        self.conditions = conditions
        self.limits = limits
        self.iterative = iterative
        self.keptSlots = keptSlots
        fingerprint = Self.fingerprint(of: text, name: name)
        taking = automaton.taking
        overlooksOthers = automaton.overlooksOthers
        steps = conditions.enumerated().flatMap { number, condition in
            condition.alternatives.map {
                Step(bit: 1 << UInt64(number), apart: $0.apart, isIterative: $0.rest != nil)
            }
        }
    }

    /// Two of one text have states of their own.
    package static func fingerprint(of text: String, name: String) -> UInt64 {
        Array("\(name): \(text)".utf8).withUnsafeBufferPointer { $0.stableHash }
    }

    private let overlooksOthers: Bool

    /// Whether an event has to be shown to anybody.
    func matters(_ truth: PatternTruth) -> Bool { truth.met | truth.open != 0 || !overlooksOthers }

    /// Conditions of events that some stage may take.
    private let taking: UInt64

    /// Whether any condition looks at what a run has taken.
    var isIterative: Bool { conditions.contains { $0.alternatives.contains { $0.rest != nil } } }

    /// The alternatives of all conditions, without what people read of them.
    private let steps: [Step]

    private struct Step {
        let bit: UInt64
        let apart: Int?
        let isIterative: Bool
    }

    /// What is known of the conditions for an event; `holds` answers for those that need nothing else.
    @inline(__always)
    func truth(_ holds: (Int) -> Bool) -> PatternTruth {
        var truth = PatternTruth()
        for step in steps where truth.met & step.bit == 0 {
            if let apart = step.apart, !holds(apart) { continue }
            if step.isIterative {
                truth.open |= step.bit
            } else {
                truth.met |= step.bit
                truth.open &= ~step.bit
            }
        }
        return truth
    }

    func mayBeTaken(_ truth: PatternTruth) -> Bool { (truth.met | truth.open) & taking != 0 }

    /// The slot of a stage's events.
    static func slot(ofStage stage: Int) -> Int { EmissionRow.firstSlot + stage }

    static let eventsType = CEL.`Type`.list(.map(.string, .dyn))
}
