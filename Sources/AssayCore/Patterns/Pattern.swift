/// A sequence of events to look for, as its author says it. Conditions are named by number.
package struct Pattern: Equatable, Sendable {
    /// How an event of a stage stands to the one before it.
    package enum Contiguity: String, CaseIterable, Sendable {
        case begin, next, followedBy, followedByAny, notNext, notFollowedBy

        package var isNot: Bool { self == .notNext || self == .notFollowedBy }
    }

    /// How the events of one stage, or the rounds of one group, stand to each other.
    package enum Inner: String, CaseIterable, Sendable {
        case relaxed, combinations, consecutive
    }

    package enum Quantifier: Equatable, Sendable {
        case one
        case times(Int, Int)
        case atLeast(Int)

        /// The least and the greatest count; nil for none.
        var bounds: (least: Int, most: Int?) {
            switch self {
            case .one: (1, 1)
            case .times(let least, let most): (least, most)
            case .atLeast(let least): (least, nil)
            }
        }

        var isLoop: Bool { bounds.most == nil }
    }

    struct Stage: Equatable, Sendable {
        enum Content: Equatable, Sendable {
            case events(condition: Int)
            case group([Stage])
        }

        /// Groups have none.
        var name: String?
        var contiguity: Contiguity
        var content: Content
        var quantifier = Quantifier.one
        var isOptional = false
        var isGreedy = false
        var inner = Inner.relaxed
        /// The condition of events that a loop does not go beyond.
        var until: Int?

        var members: [Stage] { if case .group(let members) = content { members } else { [] } }

        /// Whether a sequence may do without it.
        var mayBeAbsent: Bool {
            if isOptional || quantifier.bounds.least == 0 { return true }
            if case .group(let members) = content { return members.allSatisfy(\.mayBeAbsent) }
            return false
        }
    }

    /// What becomes of other sequences when one is found.
    package enum Skip: Equatable, Sendable {
        case none, toNext, pastLast
        case toFirst(String)
        case toLast(String)
    }

    var stages: [Stage]
    /// In milliseconds, from the first event.
    var within: Int64?
    var skip = Skip.none

    /// The names of all stages in the order in which they stand, those of groups included.
    var names: [String] {
        func names(_ stages: [Stage]) -> [String] {
            stages.flatMap { stage in (stage.name.map { [$0] } ?? []) + names(stage.members) }
        }
        return names(stages)
    }

    /// Conditions have a bit each in a word.
    static let mostConditions = 64
    /// Each is a state, or two.
    static let mostRepetitions = 1000
    static let mostStates = 10_000
}
