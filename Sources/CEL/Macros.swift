/// Macros: their arguments are not values but expressions for each element.
extension Parser {
    mutating func has(_ argument: Expression, at offset: Int) throws(SourceError) -> Expression {
        guard case .select(let operand, let field, _) = argument.content else {
            throw fault("has() takes a field, such as has(metadata.channel)", at: argument.offset)
        }
        return try make(.test(operand, field: field), at: offset, over: [operand])
    }

    /// Returns nil when the call is not a macro, by name and number of arguments.
    mutating func macro(
        _ name: String, of range: Expression, _ arguments: [Expression], at offset: Int
    ) throws(SourceError) -> Expression? {
        let form: Comprehension.Form
        var variableCount = 1
        switch (name, arguments.count) {
        case ("all", 2): form = .all
        case ("exists", 2): form = .exists
        case ("exists_one", 2), ("existsOne", 2): form = .existsOne
        case ("filter", 2): form = .filter
        case ("map", 2), ("map", 3): form = .transformList
        case ("all", 3): (form, variableCount) = (.all, 2)
        case ("exists", 3): (form, variableCount) = (.exists, 2)
        case ("existsOne", 3), ("exists_one", 3): (form, variableCount) = (.existsOne, 2)
        case ("transformList", 3), ("transformList", 4): (form, variableCount) = (.transformList, 2)
        case ("transformMap", 3), ("transformMap", 4): (form, variableCount) = (.transformMap, 2)
        case ("transformMapEntry", 3), ("transformMapEntry", 4): (form, variableCount) = (.transformMapEntry, 2)
        default: return nil
        }
        var variables: [String] = []
        for argument in arguments.prefix(variableCount) {
            guard case .name(let variable, isRoot: false) = argument.content else {
                throw fault("\(name)() takes a simple name for each element here", at: argument.offset)
            }
            guard !variables.contains(variable) else {
                throw fault("\(name)() needs two different names", at: argument.offset)
            }
            variables.append(variable)
        }
        let rest = arguments.dropFirst(variableCount)
        let condition: Expression?
        let transform: Expression?
        switch form {
        case .all, .exists, .existsOne, .filter: (condition, transform) = (rest.first, nil)
        case .transformList, .transformMap, .transformMapEntry:
            (condition, transform) = (rest.count == 2 ? rest.first : nil, rest.last)
        }
        let comprehension = Comprehension(
            name: name, form: form, range: range, variables: variables, condition: condition, transform: transform)
        return try make(.comprehension(comprehension), at: offset, over: [range] + rest)
    }
}
