/// Why a pattern is refused, and which of its stages is at fault.
package struct PatternFault: Error, Equatable {
    enum Reason: Equatable {
        case optionalBehindGreedy
        case notBehindOptional
        case notWithQuantifier
        case notAtEndWithoutWithin
        case notBeforeNot
        case notAtEndOfGroup
        case notFirst
        case notBeforeOptionalGroup
        case notBeforeOptionalEnd
        case notBeforeOptionalGreedy
        case greedyWithoutQuantifier
        case greedyCombinations
        case greedyGroup
        case untilWithoutLoop
        case innerWithoutQuantifier
        case sameName(String)
        case unknownSkip(String)
        case skipToNot(String)
        case endlessGroup
        case counts
        case tooManyConditions
        case tooManyStates
    }

    let reason: Reason
    /// The indices from the outermost stage to the one at fault; empty for the pattern as a whole.
    let path: [Int]

    /// Whether it is what 'skip' says, and no stage.
    var isOfSkip: Bool {
        switch reason {
        case .unknownSkip, .skipToNot: true
        default: false
        }
    }

    package var message: String {
        switch reason {
        case .optionalBehindGreedy: "an optional stage cannot come right after a greedy one"
        case .notBehindOptional:
            "what must not come cannot be right after an optional stage; write two patterns, one with the optional "
                + "stage and one without"
        case .notWithQuantifier: "what must not come has no 'times', 'optional', 'greedy', 'inner' or 'until'"
        case .notAtEndWithoutWithin: "'notFollowedBy' at the end needs 'within': otherwise it never ends"
        case .notBeforeNot:
            "'notFollowedBy' cannot be right before another stage that must not come: put both in one condition "
                + "with '||', or put 'notNext' before it"
        case .notAtEndOfGroup: "what must not come cannot be the last of a group; put it after the group"
        case .notFirst: "the first stage cannot exclude events; it needs 'where'"
        case .notBeforeOptionalGroup:
            "'notFollowedBy' cannot be before a group that is optional or begins with an optional stage"
        case .notBeforeOptionalEnd:
            "what must not come needs a stage after it that is not optional: else the sequence ends before it can come"
        case .notBeforeOptionalGreedy: "a stage that is optional and greedy cannot come right after 'notFollowedBy'"
        case .greedyWithoutQuantifier: "'greedy' needs 'times'"
        case .greedyCombinations: "'greedy' takes all that fits, and 'inner: combinations' any part of it"
        case .greedyGroup: "a group cannot be greedy"
        case .untilWithoutLoop: "'until' ends a loop, such as times: \"1+\""
        case .innerWithoutQuantifier: "'inner' is about the events of 'times', and there is no 'times'"
        case .sameName(let name): "there are two stages '\(name)'"
        case .unknownSkip(let name): "'skip' names '\(name)', which is not a stage outside groups"
        case .skipToNot(let name): "'skip' names '\(name)', which must not come: no sequence has an event of it"
        case .endlessGroup: "all of a group that is repeated may be absent, so that it never ends"
        case .counts: "'times' has 1 to \(Pattern.mostRepetitions) events, the lesser number first"
        case .tooManyConditions: "a pattern has at most \(Pattern.mostConditions) conditions"
        case .tooManyStates:
            "written out, this pattern has more than \(Pattern.mostStates) states; mind 'times' inside 'times'"
        }
    }
}
