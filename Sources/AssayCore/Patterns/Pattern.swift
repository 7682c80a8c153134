/// A sequence of events to look for, as written. Conditions are numbered.
package struct Pattern: Equatable, Sendable {
    /// The relation of a stage's event to the one before it.
    package enum Contiguity: String, CaseIterable, Sendable {
        case begin, next, followedBy, followedByAny, notNext, notFollowedBy

        package var isNot: Bool { self == .notNext || self == .notFollowedBy }
    }

    /// The relation of the events of one stage, or the rounds of one group, to each other.
    package enum Inner: String, CaseIterable, Sendable {
        case relaxed, combinations, consecutive
    }

    package enum Quantifier: Equatable, Sendable {
        case one
        case times(Int, Int)
        case atLeast(Int)

        /// The least and the greatest count; nil for no limit.
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

        /// Nil for groups.
        var name: String?
        var contiguity: Contiguity
        var content: Content
        var quantifier = Quantifier.one
        var isOptional = false
        var isGreedy = false
        var inner = Inner.relaxed
        /// The condition of an event that ends a loop.
        var until: Int?

        var members: [Stage] { if case .group(let members) = content { members } else { [] } }

        /// Whether a sequence may lack it.
        var mayBeAbsent: Bool {
            if isOptional || quantifier.bounds.least == 0 { return true }
            if case .group(let members) = content { return members.allSatisfy(\.mayBeAbsent) }
            return false
        }
    }

    /// What a match does to other sequences.
    package enum Skip: Equatable, Sendable {
        case none, toNext, pastLast
        case toFirst(String)
        case toLast(String)
    }

    var stages: [Stage]
    /// In milliseconds, from the first event.
    var within: Int64?
    var skip = Skip.none

    /// The names of all stages in order, including those in groups.
    var names: [String] {
        func names(_ stages: [Stage]) -> [String] {
            stages.flatMap { stage in (stage.name.map { [$0] } ?? []) + names(stage.members) }
        }
        return names(stages)
    }

    /// Each condition has a bit in a word.
    static let mostConditions = 64
    /// Each repetition is one or two states.
    static let mostRepetitions = 1000
    static let mostStates = 10_000
}
