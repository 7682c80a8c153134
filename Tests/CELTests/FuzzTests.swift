import CEL
import Foundation
import TestSupport
import Testing

/// Random expressions: nothing crashes, nothing hangs, and what the checker promises holds.
/// `ASSAY_FUZZ_EXPRESSIONS` says how many, `ASSAY_SEED` which.
@Suite struct FuzzTests {
    private static let variables = ProcessInfo.processInfo.environment
    private static let count = variables["ASSAY_FUZZ_EXPRESSIONS"].flatMap(Int.init) ?? 100_000
    private static let seed = variables["ASSAY_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0...UInt64.max)

    private static func run(
        _ count: Int, mistakes: Int, dynamic: Bool = false, _ body: (String, inout [String: Int]) throws -> Void
    ) rethrows -> [String: Int] {
        print("expressions: \(count), seed: \(seed)")
        var tally: [String: Int] = [:]
        for index in 0..<count {
            var grammar = ExpressionGrammar(seed: seed &+ UInt64(index) &* 0x1_0001, mistakes: mistakes)
            grammar.hasDynamic = dynamic && index % 2 == 0
            let type = grammar.someType()
            try body(grammar.expression(type, depth: 4), &tally)
        }
        return tally
    }

    @Test("What the checker takes without dyn never fails for its types, and comes to a value of its type")
    func soundness() {
        let tally = Self.run(Self.count, mistakes: 4, dynamic: true) { expression, tally in
            var compiler = Compiler(Sample.environment)
            do throws(SourceError) {
                let outline = try compiler.add(expression)
                tally["fully typed", default: 0] += outline.isFullyTyped ? 1 : 0
                do throws(EvaluationError) {
                    let value = try compiler.finish().value(host: SampleHost())
                    tally["value", default: 0] += 1
                    #expect(
                        !outline.isFullyTyped || Self.fits(value, outline.type),
                        "\(expression): \(value.literal) no \(outline.type.name)")
                } catch {
                    tally[error.cause.rawValue, default: 0] += 1
                    let isTypeError = [.noSuchOverload, .unknownName, .unknownFunction, .badKey].contains(error.cause)
                    #expect(!isTypeError || !outline.isFullyTyped, "\(expression): \(error.message)")
                }
            } catch {
                tally["refused", default: 0] += 1
            }
        }
        for outcome in [
            "fully typed", "value", "refused", "overflow", "division_by_zero", "no_such_index", "bad_conversion",
        ] {
            #expect(tally[outcome, default: 0] > Self.count / 2000, "\(outcome): \(tally)")
        }
        #expect(tally["value", default: 0] > Self.count / 4, "\(tally)")
    }

    private static func fits(_ value: Value, _ type: Type) -> Bool {
        switch (value, type) {
        case (_, .dyn): true
        case (.list(let list), .list(let element)): list.elements.allSatisfy { fits($0, element) }
        case (.map(let map), .map(let key, let element)):
            map.keys.allSatisfy { fits($0, key) } && map.values.allSatisfy { fits($0, element) }
        default: value.type == type
        }
    }

    @Test("With and without types an expression comes to the same")
    func checkedAndUnchecked() {
        let tally = Self.run(Self.count / 4, mistakes: 0, dynamic: true) { expression, tally in
            let checked = Sample.outcome(of: expression, checked: true)
            if case .refused = checked { return }
            let unchecked = Sample.outcome(of: expression, checked: false)
            tally[String(checked.description.prefix(2)), default: 0] += 1
            switch (checked, unchecked) {
            case (.value(let left), .value(let right)):
                #expect(left.literal == right.literal, "\(expression)")
            case (.failed(let left), .failed(let right)): #expect(left.cause == right.cause, "\(expression)")
            default: Issue.record("\(expression): \(checked) checked, \(unchecked) unchecked")
            }
        }
        #expect(tally.values.reduce(0, +) > Self.count / 8, "\(tally)")
    }

    @Test("Mutilated expressions are refused or evaluated, whatever they are")
    func mutations() {
        var random = Random(state: Self.seed)
        let tally = Self.run(Self.count / 4, mistakes: 20) { expression, tally in
            var bytes = Array(expression.utf8)
            let replacements = Array("()[]{}.,:?!&|=<>+-*/%'\"`\\ 0u".utf8)
            for _ in 0..<(1 + random.below(4)) where !bytes.isEmpty {
                let position = Int(random.below(UInt64(bytes.count)))
                let other = Int(random.below(UInt64(bytes.count)))
                switch random.below(4) {
                case 0: bytes.remove(at: position)
                case 1: bytes.insert(bytes[other], at: position)
                case 2: bytes[position] = replacements[Int(random.below(UInt64(replacements.count)))]
                default: bytes.swapAt(position, other)
                }
            }
            let isChecked = random.below(2) == 0
            switch Sample.outcome(of: String(decoding: bytes, as: UTF8.self), checked: isChecked) {
            case .value: tally["value", default: 0] += 1
            case .failed: tally["failed", default: 0] += 1
            case .refused: tally["refused", default: 0] += 1
            }
        }
        #expect(tally.count == 3, "\(tally)")
    }

    @Test("A value's literal is an expression that comes to the value")
    func literals() {
        var compared = 0
        _ = Self.run(Self.count / 8, mistakes: 0) { expression, _ in
            guard case .value(let value) = Sample.outcome(of: expression, checked: true) else { return }
            let literal = value.literal
            guard literal.utf8.count < 10_000, !literal.contains("NaN") else { return }
            let outcome = Sample.outcome(of: literal, checked: false)
            #expect(outcome.description == literal, "\(expression)")
            compared += 1
        }
        #expect(compared > Self.count / 64)
    }
}
