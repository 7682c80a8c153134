import Arguments
import CEL

/// What a rule sees of a transaction, and what it makes of that.
package struct RuleReport: Sendable {
    package enum Outcome: Sendable {
        case fired, notFired
        case failed(String)
    }

    package let name: String
    package let outcome: Outcome
    /// What it reads, written as in expressions.
    package let inputs: [(name: String, value: String)]
    package let risk: Double?
    package let decision: Decision?
    package let isShadow: Bool
    /// Whether it is a pattern over several transactions.
    package let isPattern: Bool
    /// Set when it fired.
    package let reason: String?
}

extension RuleEvaluator {
    /// Reports every rule. Counts nothing.
    func reports(
        _ moment: RuleInputs.Moment, state: borrowing UserState, symbols: borrowing SymbolTable,
        sequences: UserSequences
    ) -> [RuleReport] {
        withInputs(moment, state, symbols) {
            ruleSet.rules.enumerated().map { number, rule in
                report(ofPattern: number, sequences) ?? report(rule)
            }
        }
    }

    private func report(_ rule: RuleSet.Rule) -> RuleReport {
        var outcome = RuleReport.Outcome.notFired
        var text: String?
        do throws(EvaluationError) {
            if try holds(rule) {
                outcome = .fired
                text = String(decoding: reason(rule), as: UTF8.self)
            }
        } catch {
            outcome = .failed(error.message)
        }
        return RuleReport(
            name: rule.name, outcome: outcome, inputs: values(rule), risk: rule.risk, decision: rule.decision,
            isShadow: rule.isShadow, isPattern: false, reason: text)
    }

    private func values(_ rule: RuleSet.Rule) -> [(name: String, value: String)] {
        let variables = RuleVariable.allCases.filter { rule.reads.contains($0.name) }
            .map { variable in (variable.name, literal(variable.rawValue, variable.type)) }
        return variables
            + rule.queries.map { index in
                let query = ruleSet.velocityQueries[index]
                let window = Quantity.text(milliseconds: Int64(query.windowSeconds) * 1000)
                return ("velocity(\"\(query.type)\", \"\(window)\")", literal(RuleSet.firstQuerySlot + index, .int))
            }
    }

    private func literal(_ slot: Int, _ type: CEL.`Type`) -> String {
        do throws(EvaluationError) {
            let value: Value =
                switch type {
                case .double: .double(try inputs.double(slot))
                case .int: .int(try inputs.int(slot))
                case .bool: .bool(try inputs.bool(slot))
                case .string: .string(String(decoding: try inputs.text(slot), as: UTF8.self))
                default: try inputs.value(slot)
                }
            return value.literal
        } catch {
            return error.message
        }
    }
}
