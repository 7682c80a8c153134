import CEL

/// A pattern ready to be matched. Immutable.
package final class PatternPlan: Sendable {
    /// A condition that holds when any alternative does.
    package struct Condition: Sendable {
        /// The expressions that have to hold, by their numbers in the two programs.
        struct Alternative: Sendable {
            /// The part that depends on the event alone.
            let apart: Int?
            /// The part that depends on the run too.
            let rest: Int?
        }

        let alternatives: [Alternative]
        /// Whose condition it is and its text, for people.
        package let label: String
        package let text: String
    }

    package let name: String
    package let automaton: Automaton
    package let conditions: [Condition]
    let limits: PatternMatcher.Limits
    /// Conditions over what a run has taken.
    let iterative: Program
    /// The slots of the event that those read.
    let keptSlots: [Int]
    /// A hash of the name and all that the pattern means, which identifies its states.
    let fingerprint: UInt64

    /// `text`: all that it means, on one line.
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

    /// Two patterns with the same text have separate states.
    package static func fingerprint(of text: String, name: String) -> UInt64 {
        Array("\(name): \(text)".utf8).withUnsafeBufferPointer { $0.stableHash }
    }

    private let overlooksOthers: Bool

    /// Whether an event has to be shown to runs.
    func matters(_ truth: PatternTruth) -> Bool { truth.met | truth.open != 0 || !overlooksOthers }

    /// The conditions of events that some stage may take.
    private let taking: UInt64

    /// Whether any condition depends on what a run has taken.
    var isIterative: Bool { conditions.contains { $0.alternatives.contains { $0.rest != nil } } }

    /// The alternatives of all conditions, without their texts.
    private let steps: [Step]

    private struct Step {
        let bit: UInt64
        let apart: Int?
        let isIterative: Bool
    }

    /// The conditions' results for an event; `holds` evaluates those that depend on the event alone.
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
