import CEL

/// A pattern as a file defines it, before its conditions are compiled.
package struct PatternDefinition: Sendable {
    package struct Stage: Sendable {
        /// Nil for groups.
        package var name: SourceText?
        package var position: TextPosition
        package var contiguity = Pattern.Contiguity.begin
        /// One of them has to hold. Empty for a group.
        package var conditions: [SourceText] = []
        package var members: [Stage] = []
        package var quantifier = Pattern.Quantifier.one
        package var isOptional = false
        package var isGreedy = false
        package var inner = Pattern.Inner.relaxed
        package var until: [SourceText] = []

        package init(
            name: SourceText? = nil, position: TextPosition, contiguity: Pattern.Contiguity = Pattern.Contiguity.begin,
            conditions: [SourceText] = [], members: [Stage] = [],
            quantifier: Pattern.Quantifier = Pattern.Quantifier.one, isOptional: Bool = false, isGreedy: Bool = false,
            inner: Pattern.Inner = Pattern.Inner.relaxed, until: [SourceText] = []
        ) {
            self.name = name
            self.position = position
            self.contiguity = contiguity
            self.conditions = conditions
            self.members = members
            self.quantifier = quantifier
            self.isOptional = isOptional
            self.isGreedy = isGreedy
            self.inner = inner
            self.until = until
        }
    }

    var position: TextPosition
    package var stages: [Stage] = []
    package var within: Int64?
    package var skip = Pattern.Skip.none
    package var skipPosition: TextPosition?
    package var limits = PatternMatcher.Limits()
    /// The name of the stream of sequences that timed out.
    package var timeouts: SourceText?
    /// The condition for the events it sees.
    package var audience: SourceText?
    /// Constants for conditions and columns.
    package var parameters: [(name: String, value: Value)] = []

    package init(
        position: TextPosition, stages: [Stage] = [], within: Int64? = nil, skip: Pattern.Skip = Pattern.Skip.none,
        skipPosition: TextPosition? = nil, limits: PatternMatcher.Limits = PatternMatcher.Limits(),
        timeouts: SourceText? = nil, audience: SourceText? = nil, parameters: [(name: String, value: Value)] = []
    ) {
        self.position = position
        self.stages = stages
        self.within = within
        self.skip = skip
        self.skipPosition = skipPosition
        self.limits = limits
        self.timeouts = timeouts
        self.audience = audience
        self.parameters = parameters
    }

    /// The names of all stages, including those in groups, with their positions.
    package var names: [SourceText] {
        func names(_ stages: [Stage]) -> [SourceText] {
            stages.flatMap { stage in (stage.name.map { [$0] } ?? []) + names(stage.members) }
        }
        return names(stages)
    }

    /// The position of the stage that a fault names.
    func position(of path: [Int]) -> TextPosition {
        var stages = stages
        var found = position
        for index in path where index < stages.count {
            found = stages[index].position
            stages = stages[index].members
        }
        return found
    }
}
