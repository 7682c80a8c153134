/// Runs a program once. The caller keeps the program alive meanwhile.
struct Machine: ~Copyable {
    unowned(unsafe) let program: Program
    private let hot: Program.Hot
    private let locals: UnsafeMutablePointer<Value>?
    private var stepsLeft: Int
    private let stepsAllowed: Int

    /// Borrows the program: an owned argument would be counted.
    init(_ program: borrowing Program, _ limits: Limits) {
        self.program = copy program
        hot = program.hot
        if program.localCount > 0 {
            locals = .allocate(capacity: program.localCount)
            locals?.initialize(repeating: .null, count: program.localCount)
        } else {
            locals = nil
        }
        stepsLeft = limits.steps
        stepsAllowed = limits.steps
    }

    deinit {
        locals?.deinitialize(count: program.localCount)
        locals?.deallocate()
    }

    /// Begins another expression, with all steps available again.
    @inline(__always)
    mutating func begin() { stepsLeft = stepsAllowed }

    @inline(__always)
    func instruction(_ index: Int) -> Instruction { hot.instructions[index] }

    @inline(__always)
    func child(_ position: Int) -> Int { Int(hot.children[position]) }

    /// The variables of macros.
    subscript(local index: Int) -> Value {
        get { locals![index] }
        nonmutating set { locals![index] = newValue }
    }

    @inline(__always)
    mutating func charge(_ steps: Int, at index: Int) throws(EvaluationError) {
        stepsLeft -= min(steps, stepsAllowed)
        if stepsLeft < 0 {
            throw failure(EvaluationError(.tooCostly, "it takes more than \(stepsAllowed) steps"), at: index)
        }
    }

    /// Returns the error with its position in the source.
    func failure(_ error: EvaluationError, at index: Int) -> EvaluationError {
        var error = error
        error.offset = Int(instruction(index).offset)
        return error
    }

    func failure(
        _ cause: EvaluationError.Cause, _ detail: String = "", at index: Int
    ) -> EvaluationError {
        failure(EvaluationError(cause, detail), at: index)
    }

    /// Gives an error of a host or library function the position of the calling instruction.
    @inline(__always)
    func placed<T>(
        _ index: Int, _ body: () throws(EvaluationError) -> T
    ) throws(EvaluationError) -> T {
        do throws(EvaluationError) {
            return try body()
        } catch {
            throw failure(error, at: index)
        }
    }

    // MARK: Bools

    mutating func bool(_ index: Int, _ host: any Host) throws(EvaluationError) -> Bool {
        let instruction = instruction(index)
        let (x, y) = (Int(instruction.x), Int(instruction.y))
        switch instruction.operation {
        case .and: return try all(x, y, are: true, host)
        case .or: return try !all(x, y, are: false, host)
        case .not: return try !bool(x, host)
        case .boolConstant: return instruction.bits != 0
        case .boolVariable: return try placed(index) { () throws(EvaluationError) in try host.bool(x) }
        case .orderDoubles:
            return Ordering(rawValue: instruction.detail)!.holds(try double(x, host), try double(y, host))
        case .orderInts: return Ordering(rawValue: instruction.detail)!.holds(try int(x, host), try int(y, host))
        case .equalInts: return try (int(x, host) == int(y, host)) == (instruction.detail == 0)
        case .equalDoubles: return try (double(x, host) == double(y, host)) == (instruction.detail == 0)
        case .equalTexts:
            return try text(x, host).isEqual(to: text(y, host)) == (instruction.detail == 0)
        case .orderTexts, .inTexts, .inKeys, .startsWith, .endsWith, .containsText, .matchesPattern:
            return try textQuestion(index, host)
        case .order:
            let (left, right) = (try value(x, host), try value(y, host))
            if case .double(let left) = left, case .double(let right) = right {
                try charge(1, at: index)
                return Ordering(rawValue: instruction.detail)!.holds(left, right)
            }
            try charge(min(left.weight, right.weight), at: index)
            guard let holds = Ordering(rawValue: instruction.detail)!.holds(left, right) else {
                throw noOverload(Ordering(rawValue: instruction.detail)!.symbol, [left, right], at: index)
            }
            return holds
        case .equal: return try equal(value(x, host), value(y, host), at: index) == (instruction.detail == 0)
        case .contained: return try contained(value(x, host), in: value(y, host), at: index)
        case .test: return try member(of: value(x, host), y, at: index) != nil
        case .testMember:
            try charge(host.cost(x), at: index)
            let key = program.tables.texts[y]
            return try placed(index) { () throws(EvaluationError) in try host.member(x, key) } != nil
        case .conditional: return try bool(bool(x, host) ? y : Int(instruction.z), host)
        default:
            let value = try value(index, host)
            guard case .bool(let bool) = value else { throw noOverload("a condition", [value], at: index) }
            return bool
        }
    }

    /// Whether all terms have the wanted value. One that has not decides, whatever errors the others have.
    private mutating func all(
        _ first: Int, _ count: Int, are wanted: Bool, _ host: any Host
    ) throws(EvaluationError) -> Bool {
        var error: EvaluationError?
        for position in first..<first + count {
            let term = child(position)
            do throws(EvaluationError) {
                if try bool(term, host) != wanted { return false }
            } catch let failure {
                if error == nil { error = failure }
            }
        }
        if let error { throw error }
        return true
    }

    func noOverload(_ name: String, _ operands: [Value], at index: Int) -> EvaluationError {
        failure(.noSuchOverload, "\(name) of \(operands.map(\.kind.name).joined(separator: " and "))", at: index)
    }

    /// A comparison takes as long as the smaller value is large.
    mutating func equal(_ left: Value, _ right: Value, at index: Int) throws(EvaluationError) -> Bool {
        try charge(min(left.weight, right.weight), at: index)
        return Value.equal(left, right)
    }

    private mutating func contained(_ element: Value, in range: Value, at index: Int) throws(EvaluationError) -> Bool {
        switch range {
        case .list(let list):
            for other in list.elements where try equal(element, other, at: index) { return true }
            return false
        case .map(let map):
            try charge(element.weight, at: index)
            return map.find(element) != nil
        default: throw noOverload("in", [element, range], at: index)
        }
    }

    // MARK: Numbers

    mutating func int(_ index: Int, _ host: any Host) throws(EvaluationError) -> Int64 {
        let instruction = instruction(index)
        let (x, y) = (Int(instruction.x), Int(instruction.y))
        switch instruction.operation {
        case .intConstant: return Int64(bitPattern: instruction.bits)
        case .intVariable: return try placed(index) { () throws(EvaluationError) in try host.int(x) }
        case .addInts: return try exact(int(x, host).addingReportingOverflow(int(y, host)), at: index)
        case .subtractInts: return try exact(int(x, host).subtractingReportingOverflow(int(y, host)), at: index)
        case .multiplyInts: return try exact(int(x, host).multipliedReportingOverflow(by: int(y, host)), at: index)
        case .sizeOfText:
            let text = try text(x, host)
            try charge(text.count / Limits.bytesPerStep, at: index)
            // Bytes that do not continue a code point begin one.
            return Int64(text.count { $0 & 0xC0 != 0x80 })
        default:
            let value = try value(index, host)
            guard case .int(let int) = value else { throw noOverload("an int", [value], at: index) }
            return int
        }
    }

    private func exact(
        _ result: (partialValue: Int64, overflow: Bool), at index: Int
    ) throws(EvaluationError) -> Int64 {
        guard !result.overflow else { throw failure(.overflow, "int", at: index) }
        return result.partialValue
    }

    mutating func double(_ index: Int, _ host: any Host) throws(EvaluationError) -> Double {
        let instruction = instruction(index)
        let (x, y) = (Int(instruction.x), Int(instruction.y))
        switch instruction.operation {
        case .doubleConstant: return Double(bitPattern: instruction.bits)
        case .doubleVariable: return try placed(index) { () throws(EvaluationError) in try host.double(x) }
        case .addDoubles: return try double(x, host) + double(y, host)
        case .subtractDoubles: return try double(x, host) - double(y, host)
        case .multiplyDoubles: return try double(x, host) * double(y, host)
        case .divideDoubles: return try double(x, host) / double(y, host)
        default:
            let value = try value(index, host)
            guard case .double(let double) = value else { throw noOverload("a double", [value], at: index) }
            return double
        }
    }

    // MARK: Texts with a fixed address

    mutating func text(_ index: Int, _ host: any Host) throws(EvaluationError) -> UnsafeBufferPointer<UInt8> {
        let instruction = instruction(index)
        switch instruction.operation {
        case .textVariable:
            return try placed(index) { () throws(EvaluationError) in try host.text(Int(instruction.x)) }
        case .textConstant: return hot.texts[Int(instruction.x)]
        default: preconditionFailure("only texts that last are asked for this way")
        }
    }

    private mutating func textQuestion(_ index: Int, _ host: any Host) throws(EvaluationError) -> Bool {
        let instruction = instruction(index)
        let (x, y) = (Int(instruction.x), Int(instruction.y))
        switch instruction.operation {
        case .inTexts:
            if isText(x) { return hot.textSets[y].contains(try text(x, host)) }
            // A value that is not a text is not a member either.
            guard case .string(let text) = try value(x, host) else { return false }
            return text.withBytes { hot.textSets[y].contains($0) }
        case .inKeys:
            guard let key = MapKey(.int(try int(x, host))) else { return false }
            return program.tables.keySets[y].contains(key)
        case .matchesPattern:
            if isText(x) {
                let text = try text(x, host)
                let pattern = program.tables.patterns[y]
                try charge(pattern.steps(for: text.count), at: index)
                return pattern.isFound(in: text)
            }
            let value = try value(x, host)
            guard case .string(let text) = value else { throw noOverload("matches()", [value], at: index) }
            let pattern = program.tables.patterns[y]
            try charge(pattern.steps(for: text.string.utf8.count), at: index)
            return text.withBytes { pattern.isFound(in: $0) }
        default:
            let (left, right) = (try text(x, host), try text(y, host))
            switch instruction.operation {
            case .startsWith: return left.begins(with: right)
            case .endsWith: return left.ends(with: right)
            case .containsText:
                try charge((left.count + right.count) / Limits.bytesPerStep, at: index)
                return left.contains(right)
            default:
                let ordering = Ordering(rawValue: instruction.detail)!
                return switch ordering {
                case .less: left.precedes(right)
                case .greater: right.precedes(left)
                case .lessOrEqual: !right.precedes(left)
                case .greaterOrEqual: !left.precedes(right)
                }
            }
        }
    }

    private func isText(_ index: Int) -> Bool {
        let operation = instruction(index).operation
        return operation == .textVariable || operation == .textConstant
    }
}
