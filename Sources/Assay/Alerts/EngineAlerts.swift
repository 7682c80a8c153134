import AssayCore
import CEL
import StateStore

/// The alerts over the run's own figures. Used by the sending thread only.
package final class EngineAlerts {
    private struct Compiled: Sendable {
        let rule: AlertRule
        let condition: Int
        /// By piece of the message, a text or an expression's number.
        let message: [Piece]

        enum Piece: Sendable {
            case text(String)
            case expression(Int)
        }
    }

    private let program: Program
    private let compiled: [Compiled]
    private let host = EngineHost()
    private var watch: EngineWatch
    private let values: ValueEncoder
    /// When what still fires was told again, by channel and rule, on the monotonic clock.
    private var refreshed: [String: Double] = [:]

    static let secondsBetween = 10.0

    /// Begins to look at a run, whose process may take so much memory.
    package typealias Opening = @Sendable (_ metrics: RunMetrics, _ memoryBytes: Int) -> EngineAlerts

    /// Checks the alerts on the engine of a file; nil where it has none.
    package static func compile(
        _ settings: AlertSettings, path: String
    ) throws(ConfigurationError) -> Opening? {
        let rules = settings.rules.filter { $0.subject == .engine }
        if rules.isEmpty { return nil }
        let expressions = PipelineExpressions(path: path, fields: FieldCollector(declared: []))
        var compiler = Compiler(EngineHost.names.environment)
        var compiled: [Compiled] = []
        for rule in rules { compiled.append(try compile(rule, expressions, &compiler)) }
        let program = compiler.finish()
        return { [compiled] metrics, memoryBytes in
            EngineAlerts(program, compiled, EngineWatch(metrics, memoryBytes: memoryBytes))
        }
    }

    private static func compile(
        _ rule: AlertRule, _ expressions: PipelineExpressions, _ compiler: inout Compiler
    ) throws(ConfigurationError) -> Compiled {
        let owner = "alert '\(rule.name)'"
        guard let text = rule.condition else { preconditionFailure("an alert on the engine has a condition") }
        guard case .fixed = rule.severity else {
            throw ConfigurationError(
                path: expressions.path, position: rule.position,
                message: "\(owner): 'severity' of an alert on 'engine' is info, warning or critical")
        }
        let condition = compiler.rootCount
        _ = try expressions.add(text, to: &compiler, EngineHost.names, "\(owner), where", expecting: .bool)
        var message: [Compiled.Piece] = []
        do throws(SourceError) {
            for part in try TextTemplate.parts(rule.message?.text ?? "\(rule.name): \(text.text)") {
                switch part {
                case .text(let text): message.append(.text(text))
                case .expression(let text, _):
                    message.append(.expression(compiler.rootCount))
                    _ = try compiler.add(text)
                }
            }
        } catch {
            throw expressions.fault(error, in: rule.message ?? text, "\(owner), message")
        }
        return Compiled(rule: rule, condition: condition, message: message)
    }

    private init(_ program: Program, _ compiled: [Compiled], _ watch: EngineWatch) {
        (self.program, self.compiled, self.watch) = (program, compiled, watch)
        values = ValueEncoder(.utc)
    }

    /// The look that rates are counted from.
    func begin(_ now: Int64) { _ = watch.look(MonotonicClock.seconds, now: now) }

    // MARK: Looking

    /// `time`: of the monotonic clock; `now`: the time of day.
    func look(_ store: AlertStore, _ office: AlertOffice, _ time: Double, _ now: Int64) throws(StoreError) {
        host.figures = watch.look(time, now: now)
        try store.change { () throws(StoreError) in
            for compiled in compiled {
                let rule = compiled.rule
                let before = try store.condition(rule.name)
                var condition = before
                let action = EngineGate.look(&condition, holds: holds(compiled), at: now, rule)
                if condition != before { try store.set(condition, of: rule.name) }
                if action == .nothing { continue }
                let alert = alert(compiled, condition, isOver: action == .resolve, now)
                if try store.insert(alert, to: rule.channels, due: now) != nil {
                    try office.keepWithinLimit(store, at: now)
                }
            }
        }
    }

    /// Nil where a figure is not known yet.
    private func holds(_ compiled: Compiled) -> Bool? {
        do throws(EvaluationError) {
            return try program.bool(compiled.condition, host: host)
        } catch {
            return nil
        }
    }

    private func alert(
        _ compiled: Compiled, _ condition: AlertStore.Condition, isOver: Bool, _ now: Int64
    ) -> Alert {
        let rule = compiled.rule
        var severity = AlertSeverity.warning
        if case .fixed(let fixed) = rule.severity { severity = fixed }
        var alert = Alert(
            id: Self.id(rule, condition.episode, isOver: isOver), rule: rule.name, severity: severity, matter: "",
            message: (isOver ? "over: " : "") + message(compiled), time: now, made: now)
        alert.kind = isOver ? .resolved : .fired
        let known = EngineFigure.allCases.compactMap { figure in
            host.figures.values[figure].map { (figure.rawValue, JSON.real($0)) }
        }
        alert.details = JSON.object(known).text
        return alert
    }

    private static func id(_ rule: AlertRule, _ episode: Int64, isOver: Bool) -> String {
        AlertMaking.id(rule.name, isOver ? "over" : "", episode, 0)
    }

    private func message(_ compiled: Compiled) -> String {
        var text = ""
        for piece in compiled.message {
            switch piece {
            case .text(let part): text += part
            case .expression(let root):
                do throws(EvaluationError) {
                    text += values.text(try program.value(root, host: host))
                } catch {
                    text += "unknown"
                }
            }
        }
        return AlertText.cut(text, AlertMaking.longestMessage)
    }

    /// What still fires and was last told to a channel so long ago.
    func toRefresh(
        _ store: AlertStore, _ channel: String, seconds: Double, _ time: Double
    ) throws(StoreError) -> [Alert] {
        var found: [Alert] = []
        for compiled in compiled where compiled.rule.resolves && compiled.rule.channels.contains(channel) {
            let rule = compiled.rule
            let key = "\(channel) \(rule.name)"
            let condition = try store.condition(rule.name)
            guard condition.isFiring else {
                refreshed[key] = nil
                continue
            }
            // What was just told begins the time.
            let last = refreshed[key] ?? time
            if refreshed[key] == nil { refreshed[key] = time }
            guard time - last >= seconds,
                let alert = try store.alert(id: Self.id(rule, condition.episode, isOver: false))
            else { continue }
            refreshed[key] = time
            found.append(alert)
        }
        return found
    }
}
