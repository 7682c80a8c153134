import CEL

/// A pattern as a file says it, before anybody looks at what its conditions mean.
struct PatternDefinition: Sendable {
    struct Stage: Sendable {
        /// Of groups none.
        var name: SourceText?
        var position: TextPosition
        var contiguity = Pattern.Contiguity.begin
        /// Any of them is enough. Empty for a group.
        var conditions: [SourceText] = []
        var members: [Stage] = []
        var quantifier = Pattern.Quantifier.one
        var isOptional = false
        var isGreedy = false
        var inner = Pattern.Inner.relaxed
        var until: [SourceText] = []
    }

    var position: TextPosition
    var stages: [Stage] = []
    var within: Int64?
    var skip = Pattern.Skip.none
    var skipPosition: TextPosition?
    var limits = PatternMatcher.Limits()
    /// The name of the stream of sequences whose time was over.
    var timeouts: SourceText?
    /// Which events it is about.
    var audience: SourceText?
    /// Constants that conditions and columns may name.
    var parameters: [(name: String, value: Value)] = []

    /// The names of all stages, groups' included, with where they stand.
    var names: [SourceText] {
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
