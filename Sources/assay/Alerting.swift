import Arguments
import Assay
import AssayCore
import StateStore

#if Notifiers
    import Notifiers
#endif

/// Tells people while a run goes on, if its file says who is told of what.
final class Alerting: Sendable {
    let office: AlertOffice
    private let sender: AlertSender
    private let engine: EngineAlerts.Opening?

    /// At the end of a run what can be sent is sent, for so long at most.
    private static let endSeconds = 10.0

    /// Nil where the file has no alerts.
    init?(
        _ office: AlertOffice, beside outputs: [NamedOutput], path: String, _ arguments: ParsedArguments
    ) throws(Failure) {
        let settings = office.settings
        if settings.isEmpty { return nil }
        if arguments.flag("no-checkpoints") {
            throw Failure(
                code: .usage,
                message: "alerts need a state, which remembers what was told: leave out --no-checkpoints, or 'alerts'")
        }
        if outputs.contains(where: \.isStandardOutput),
            let channel = settings.channels.first(where: { ($0.channel as? LineChannel)?.isStandardOutput == true })
        {
            throw Failure(
                code: .usage,
                message:
                    "channel '\(channel.name)' is standard output, where results go too: send one of them to a file")
        }
        do throws(ConfigurationError) {
            engine = try EngineAlerts.compile(settings, path: path)
        } catch {
            throw Failure(error)
        }
        self.office = office
        sender = AlertSender(office)
    }

    /// Begins to send what waits in a folder, unless it has. `metrics`: nil where there is no run.
    func begin(folder: String?, _ metrics: RunMetrics?, memoryBytes: Int) throws(Failure) {
        guard let folder else { return }
        do throws(RunFailure) {
            try sender.begin(
                folder: folder, try Self.transport(office.settings),
                metrics.flatMap { metrics in engine.map { $0(metrics, memoryBytes) } })
        } catch {
            throw Failure(error)
        }
    }

    func finish() { sender.finish(seconds: Self.endSeconds) }

    /// What the channels of a file need.
    static func transport(_ settings: AlertSettings) throws(RunFailure) -> any AlertTransport {
        #if Notifiers
            if settings.channels.contains(where: { !($0.channel is LineChannel) }) { return try CurlTransport() }
        #endif
        return PlainTransport()
    }
}

/// `assay alerts`.
enum AlertsCommand {
    static func run(_ arguments: ParsedArguments) throws(Failure) {
        guard let name = arguments.operands.first, let path = arguments.text("config") else {
            throw Failure(code: .usage, message: "name the channel, and its file with --config")
        }
        let settings = try settings(path)
        guard let channel = settings.channel(name) else {
            let names = settings.channels.map(\.name)
            let near = NearestName.of(name, among: names).map { "; did you mean '\($0)'?" } ?? ""
            throw Failure(
                code: .usage,
                message: names.isEmpty
                    ? "\(path) has no 'alerts'"
                    : "there is no channel '\(name)'\(near) There are \(names.joined(separator: ", "))")
        }
        let outcome: AlertOutcome
        do throws(RunFailure) {
            outcome = try AlertTrial.send(name, channel, page: settings.page, Alerting.transport(settings))
        } catch {
            throw Failure(error)
        }
        switch outcome {
        case .accepted: print("\(channel.title) has accepted a test")
        case .refused(let answer):
            throw Failure(code: .inputOutput, message: "\(channel.title) refuses the test: \(answer)")
        case .unavailable(let answer, _):
            throw Failure(code: .inputOutput, message: "\(channel.title) cannot be reached: \(answer)")
        }
    }

    private static func settings(_ path: String) throws(Failure) -> AlertSettings {
        if Pipeline.isPipeline(path) { return try Pipelines.load(path).alerts.settings }
        do throws(ConfigurationError) {
            return try Configuration.load(path, Connectors.all).alerts
        } catch {
            throw Failure(error)
        }
    }
}
