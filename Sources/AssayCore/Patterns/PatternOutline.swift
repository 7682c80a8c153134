/// A pattern's stages with their conditions by number.
package struct PatternOutline {
    struct Condition {
        /// One of them has to hold.
        let texts: [SourceText]
        /// Whose condition it is, for people.
        let label: String
        /// Whose condition it is, in messages.
        let owner: String
    }

    private(set) var conditions: [Condition] = []
    package private(set) var pattern: Pattern

    package init(_ definition: PatternDefinition) {
        pattern = Pattern(stages: [], within: definition.within, skip: definition.skip)
        for stage in definition.stages { pattern.stages.append(outlined(stage)) }
    }

    private mutating func outlined(_ stage: PatternDefinition.Stage) -> Pattern.Stage {
        let owner = stage.name.map { "stage '\($0.text)'" } ?? "group"
        let content: Pattern.Stage.Content
        if stage.members.isEmpty {
            content = .events(
                condition: add(Condition(texts: stage.conditions, label: stage.name?.text ?? "", owner: owner)))
        } else {
            var members: [Pattern.Stage] = []
            for member in stage.members { members.append(outlined(member)) }
            content = .group(members)
        }
        var outlined = Pattern.Stage(name: stage.name?.text, contiguity: stage.contiguity, content: content)
        outlined.quantifier = stage.quantifier
        outlined.isOptional = stage.isOptional
        outlined.isGreedy = stage.isGreedy
        outlined.inner = stage.inner
        if !stage.until.isEmpty {
            let label = stage.name.map { "until of \($0.text)" } ?? "until of a group"
            outlined.until = add(Condition(texts: stage.until, label: label, owner: "\(owner), until"))
        }
        return outlined
    }

    private mutating func add(_ condition: Condition) -> Int {
        conditions.append(condition)
        return conditions.count - 1
    }
}
