import CEL

/// A pattern ready to be matched. Never changed.
final class PatternPlan: Sendable {
    /// Holds when any alternative does.
    struct Condition: Sendable {
        /// Which expressions have to hold, by their numbers in the two programs.
        struct Alternative: Sendable {
            /// Known as soon as the event is there.
            let apart: Int?
            /// Known once it is shown to a run.
            let rest: Int?
        }

        let alternatives: [Alternative]
        /// For people: whose condition it is, and what it says.
        let label: String
        let text: String
    }

    let name: String
    let automaton: Automaton
    let conditions: [Condition]
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
    }

    /// Two of one text have states of their own.
    static func fingerprint(of text: String, name: String) -> UInt64 {
        Array("\(name): \(text)".utf8).withUnsafeBufferPointer { $0.stableHash }
    }

    private let overlooksOthers: Bool

    /// Whether an event has to be shown to anybody.
    func matters(_ truth: PatternTruth) -> Bool { truth.met | truth.open != 0 || !overlooksOthers }

    /// Conditions of events that some stage may take.
    private let taking: UInt64

    /// Whether any condition looks at what a run has taken.
    var isIterative: Bool { conditions.contains { $0.alternatives.contains { $0.rest != nil } } }

    /// What is known of the conditions for an event; `holds` answers for those that need nothing else.
    func truth(_ holds: (Int) -> Bool) -> PatternTruth {
        var truth = PatternTruth()
        for (number, condition) in conditions.enumerated() {
            let bit = UInt64(1) << UInt64(number)
            for alternative in condition.alternatives {
                if let apart = alternative.apart, !holds(apart) { continue }
                if alternative.rest == nil {
                    truth.met |= bit
                    truth.open &= ~bit
                    break
                }
                truth.open |= bit
            }
        }
        return truth
    }

    func mayBeTaken(_ truth: PatternTruth) -> Bool { (truth.met | truth.open) & taking != 0 }

    /// The slot of a stage's events.
    static func slot(ofStage stage: Int) -> Int { EmissionRow.firstSlot + stage }

    static let eventsType = CEL.`Type`.list(.map(.string, .dyn))
}
