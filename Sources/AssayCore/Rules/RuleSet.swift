import Arguments
import CEL
import CivilTime

/// Compiled rules. Shared by the stages and immutable: a reload makes another set.
package final class RuleSet: Sendable {
    package struct Rule: Sendable {
        package let name: String
        let risk: Double?
        let decision: Decision?
        package let isShadow: Bool
        let reason: ReasonTemplate
        /// The number of its expression in the program.
        let root: Int
        /// What it reads, by name, and the velocity queries among that.
        let reads: [String]
        let queries: [Int]
        /// Its pattern, if it is one, and the condition for its transactions.
        package var pattern: PatternPlan?
        var audience: Int?
        /// What depends on the transaction alone.
        var apart: Program?
    }

    /// How often a user recently made transactions of some type: a variable for each type and window.
    package struct VelocityQuery: Hashable, Sendable {
        let type: String
        let windowSeconds: UInt32
    }

    package let program: Program
    package let rules: [Rule]
    let velocityQueries: [VelocityQuery]
    /// The digest of the whole configuration.
    package let digest: String

    /// Slots from here on are velocity queries.
    static let firstQuerySlot = 1000

    init(program: Program, rules: [Rule], velocityQueries: [VelocityQuery], digest: String) {
        self.program = program
        self.rules = rules
        self.velocityQueries = velocityQueries
        self.digest = digest
    }

    /// Each rule with what it reads, for people.
    package var outlines: [(name: String, reads: [String])] {
        rules.filter { $0.pattern == nil }.map { ($0.name, $0.reads) }
    }

    /// A short digest of a text: 16 hexadecimal digits.
    package static func digest(of text: some Sequence<UInt8>) -> String {
        let hash = Array(text).withUnsafeBufferPointer { $0.stableHash }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// What is wrong with a rule, and where.
package struct RuleFault: Error {
    package enum Part {
        case when, reason
    }

    package let rule: Int
    package let part: Part
    package let error: SourceError
}

/// Compiles the rules of a configuration.
package struct RuleCompiler {
    /// Collects the velocity queries while rules are compiled one after another.
    private final class Queries {
        var all: [RuleSet.VelocityQuery] = []
        /// Those of the rule that is being compiled.
        var used: Set<Int> = []
    }

    private let queries = Queries()
    private let environment: Environment
    private var compiler: Compiler
    private var rules: [RuleSet.Rule] = []
    private var count = 0

    /// `lists` by name; `longestWindow`: older events are not kept.
    package init(lists: [(name: String, entries: [String])], longestWindow: UInt32) {
        var environment = Environment()
        for variable in RuleVariable.allCases {
            environment.declare(variable.name, variable.type, slot: variable.rawValue)
        }
        for list in lists { environment.define("lists.\(list.name)", .list(list.entries.map { .string($0) })) }
        let zones = ZoneCache()
        environment.zones = { zones.zone($0) }
        let queries = queries
        environment.declare(
            HostFunction("velocity", [.string, .string], .int) { arguments in
                guard case .string(let window)?? = arguments.last else {
                    return .fault("velocity() takes its window as a text, such as velocity(\"payment\", \"5m\")")
                }
                guard let seconds = Self.seconds(window.string), (1...longestWindow).contains(seconds) else {
                    let longest = Quantity.text(milliseconds: Int64(longestWindow) * 1000)
                    return .fault("velocity() has windows of 1s to \(longest), the longest of 'velocity.windows'")
                }
                guard case .string(let type)?? = arguments.first else { return .call(Int(seconds)) }
                let query = RuleSet.VelocityQuery(type: type.string, windowSeconds: seconds)
                let index =
                    queries.all.firstIndex(of: query)
                    ?? {
                        queries.all.append(query)
                        return queries.all.count - 1
                    }()
                queries.used.insert(index)
                return .variable(RuleSet.firstQuerySlot + index)
            })
        self.environment = environment
        compiler = Compiler(environment)
    }

    /// Whole seconds, as configurations write them.
    private static func seconds(_ text: String) -> UInt32? {
        guard let milliseconds = Quantity.milliseconds(text), milliseconds % 1000 == 0 else { return nil }
        return UInt32(exactly: milliseconds / 1000)
    }

    package mutating func add(_ definition: RuleDefinition) throws(RuleFault) {
        let number = rules.count
        queries.used = []
        let outline: Compiler.Outline
        do throws(SourceError) {
            outline = try compiler.add(definition.when, expecting: .bool)
            if let doubt = outline.doubts.first { throw doubt }
        } catch {
            throw RuleFault(rule: number, part: .when, error: error)
        }
        let root = count
        count += 1
        var reads = outline.reads
        var reason = ReasonTemplate()
        do throws(SourceError) {
            let template = definition.reason ?? definition.name
            for part in try TextTemplate.parts(template) {
                switch part {
                case .text(let text): reason.pieces.append(.text(Array(text.utf8)))
                case .expression(let text, let offset):
                    reads.formUnion(try add(text, at: offset, of: template))
                    reason.pieces.append(.expression(count))
                    count += 1
                }
            }
        } catch {
            throw RuleFault(rule: number, part: .reason, error: error)
        }
        rules.append(
            RuleSet.Rule(
                name: definition.name, risk: definition.risk, decision: definition.decide,
                isShadow: definition.isShadow, reason: reason, root: root, reads: reads.sorted(),
                queries: queries.used.sorted()))
    }

    /// Adds a pattern over a user's transactions, after all rules.
    package mutating func add(pattern definition: RuleDefinition, path: String) throws(ConfigurationError) {
        guard let sequence = definition.sequence else { preconditionFailure("a pattern has its sequence") }
        let owner = "pattern '\(definition.name)'"
        // The fields are the rules' variables.
        let expressions = PipelineExpressions(path: path, fields: FieldCollector(declared: []))
        let names = try PatternCompiler.names(
            StreamEnvironment(environment), with: sequence, path: path)
        // Parameters belong to this pattern alone, so it has its own program for what depends on the transaction alone.
        var own = Compiler(names.environment)
        var audience: Int?
        if let text = sequence.audience {
            audience = own.rootCount
            _ = try expressions.add(text, to: &own, names, "\(owner), for", expecting: .bool)
        }
        queries.used = []
        let plan = try PatternCompiler(
            sequence, names: names, expressions, owner: owner, functionsOfHost: ["velocity"]
        ).compile(name: definition.name, &own)
        rules.append(
            RuleSet.Rule(
                name: definition.name, risk: definition.risk, decision: definition.decide,
                isShadow: definition.isShadow, reason: ReasonTemplate(), root: -1, reads: [],
                queries: queries.used.sorted(), pattern: plan, audience: audience, apart: own.finish()))
    }

    /// Adds an expression inside a template, whose faults are positioned in the template. Returns what it reads.
    private mutating func add(
        _ text: String, at offset: Int, of template: String
    ) throws(SourceError) -> Set<String> {
        do throws(SourceError) {
            return try compiler.add(text).reads
        } catch {
            throw SourceError(error.message, at: offset + error.offset, in: template)
        }
    }

    package consuming func finish(digest: String) -> RuleSet {
        let (rules, queries) = (rules, queries.all)
        return RuleSet(program: compiler.finish(), rules: rules, velocityQueries: queries, digest: digest)
    }
}
