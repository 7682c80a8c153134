import CEL

/// A pattern as a file says it, before anybody looks at what its conditions mean.
package struct PatternDefinition: Sendable {
    package struct Stage: Sendable {
        /// Of groups none.
        package var name: SourceText?
        package var position: TextPosition
        package var contiguity = Pattern.Contiguity.begin
        /// Any of them is enough. Empty for a group.
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
    /// The name of the stream of sequences whose time was over.
    package var timeouts: SourceText?
    /// Which events it is about.
    package var audience: SourceText?
    /// Constants that conditions and columns may name.
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

    /// The names of all stages, groups' included, with where they stand.
    package var names: [SourceText] {
        func names(_ stages: [Stage]) -> [SourceText] {
            stages.flatMap { stage in (stage.name.map { [$0] } ?? []) + names(stage.members) }
        }
        return names(stages)
    }

    /// The stage at a place that a fault names, for its position.
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
