/// Finds contradictions in a pattern before it is compiled.
struct PatternValidation {
    private let pattern: Pattern

    static func check(_ pattern: Pattern) throws(PatternFault) {
        try PatternValidation(pattern: pattern).check()
    }

    private func check() throws(PatternFault) {
        try checkNames()
        try check(pattern.stages, in: [])
        try checkSkip()
    }

    private func checkNames() throws(PatternFault) {
        var seen: Set<String> = []
        func check(_ stages: [Pattern.Stage], _ path: [Int]) throws(PatternFault) {
            for (index, stage) in stages.enumerated() {
                if let name = stage.name, !seen.insert(name).inserted {
                    throw PatternFault(reason: .sameName(name), path: path + [index])
                }
                try check(stage.members, path + [index])
            }
        }
        try check(pattern.stages, [])
    }

    private func checkSkip() throws(PatternFault) {
        switch pattern.skip {
        case .none, .toNext, .pastLast: return
        case .toFirst(let name), .toLast(let name):
            guard let stage = pattern.stages.first(where: { $0.name == name }) else {
                throw PatternFault(reason: .unknownSkip(name), path: [])
            }
            if stage.contiguity.isNot { throw PatternFault(reason: .skipToNot(name), path: []) }
        }
    }

    private func check(_ stages: [Pattern.Stage], in path: [Int]) throws(PatternFault) {
        for (index, stage) in stages.enumerated() {
            func fault(_ reason: PatternFault.Reason) -> PatternFault {
                PatternFault(reason: reason, path: path + [index])
            }
            if let reason = Self.fault(of: stage) { throw fault(reason) }
            if stage.contiguity.isNot {
                let isGroup = !path.isEmpty
                if let reason = self.fault(ofNot: index, in: stages, isGroup: isGroup) { throw fault(reason) }
            } else if index > 0, stage.isOptional, stages[index - 1].isGreedy {
                throw fault(.optionalBehindGreedy)
            }
            try check(stage.members, in: path + [index])
        }
    }

    /// The fault of a stage by itself.
    private static func fault(of stage: Pattern.Stage) -> PatternFault.Reason? {
        let (least, most) = stage.quantifier.bounds
        if stage.contiguity.isNot {
            let isPlain =
                stage.quantifier == .one && !stage.isOptional && !stage.isGreedy && stage.inner == .relaxed
                && stage.until == nil
            return isPlain && stage.members.isEmpty ? nil : .notWithQuantifier
        }
        let greatest = most ?? max(least, 1)
        guard least >= 0, greatest >= max(least, 1), greatest <= Pattern.mostRepetitions else { return .counts }
        if stage.isGreedy {
            if case .group = stage.content { return .greedyGroup }
            if stage.quantifier == .one { return .greedyWithoutQuantifier }
            if stage.inner == .combinations { return .greedyCombinations }
        }
        if stage.inner != .relaxed, stage.quantifier == .one { return .innerWithoutQuantifier }
        if stage.until != nil, !stage.quantifier.isLoop { return .untilWithoutLoop }
        if case .group(let members) = stage.content, stage.quantifier != .one, members.allSatisfy(\.mayBeAbsent) {
            return .endlessGroup
        }
        return nil
    }

    /// The fault of a stage that must not come, from its position.
    private func fault(ofNot index: Int, in stages: [Pattern.Stage], isGroup: Bool) -> PatternFault.Reason? {
        if index == 0 { return .notFirst }
        let before = stages[index - 1]
        if before.mayBeAbsent { return .notBehindOptional }
        let behind = stages[(index + 1)...]
        let isLasting = stages[index].contiguity == .notFollowedBy
        guard let next = behind.first else {
            if isGroup { return .notAtEndOfGroup }
            return isLasting && pattern.within == nil ? .notAtEndWithoutWithin : nil
        }
        if behind.allSatisfy({ $0.mayBeAbsent && !$0.contiguity.isNot }) { return .notBeforeOptionalEnd }
        guard isLasting else { return nil }
        if next.contiguity.isNot { return .notBeforeNot }
        for stage in behind {
            if case .group(let members) = stage.content,
                stage.isOptional || stage.quantifier.bounds.least == 0 || members[0].mayBeAbsent
            {
                return .notBeforeOptionalGroup
            }
            if stage.mayBeAbsent, stage.isGreedy { return .notBeforeOptionalGreedy }
            if !stage.mayBeAbsent { break }
        }
        return nil
    }
}
