import Arguments
import Assay
import AssayCore

#if Service
    import Service
#endif

/// What answers over HTTP while a run goes on, if the command line asks for it.
final class Listening: Sendable {
    static let options: [Option] =
        [
            .value(
                "listen", "ADDRESS",
                help: "answer HTTP at this address, such as 127.0.0.1:9100: metrics, health, status and events")
        ] + access

    /// Options for who may ask, and how.
    static let access: [Option] = [
        .value(
            "tokens", "FILE", .file,
            help: "let in only who shows a token of this file, which has a line NAME SHA256 SCOPES for each"),
        .flag("no-authentication", help: "let everybody in who reaches an address that is not loopback"),
        .value("tls-certificate", "FILE", .file, help: "encrypt: the certificate chain as PEM"),
        .value("tls-key", "FILE", .file, help: "the key of the certificate as PEM"),
        .value("max-connections", "N", .integer(1...100_000), help: "keep at most N open", default: "1024"),
        .value("header-timeout", "TIME", .duration, help: "the longest for the headers of a request", default: "10s"),
        .value("body-timeout", "TIME", .duration, help: "the longest for a body", default: "30s"),
        .value("idle-timeout", "TIME", .duration, help: "the longest between two requests", default: "60s"),
    ]

    #if Service
        private let options: Listener.Options
        private let scoring: ScoringService?
        private let listener = Locked<Listener?>(nil)
        private let isQuiet: Bool
        private let shown: ShownContent

        /// Nil where nobody asked for it. `address`: where to listen unless the command line says so.
        /// `content`: what the page shows of the run's definition.
        init?(
            _ arguments: ParsedArguments, address: String? = nil, _ scoring: ScoringService? = nil,
            content: DeskContent
        ) throws(Failure) {
            guard let text = arguments.text("listen") ?? address else { return nil }
            guard let address = ListenAddress(text) else {
                throw Failure(code: .usage, message: "--listen takes ADDRESS:PORT, such as 127.0.0.1:9100")
            }
            let isOpen = arguments.flag("no-authentication")
            guard address.isLoopback || arguments.text("tokens") != nil || isOpen else {
                throw Failure(
                    code: .usage,
                    message:
                        "others reach \(text): name a file with --tokens that says who may ask, or allow everybody "
                        + "with --no-authentication")
            }
            var options = Listener.Options(address)
            options.mostConnections = Int(arguments.integer("max-connections") ?? 1024)
            options.headerSeconds = Double(arguments.integer("header-timeout") ?? 10_000) / 1000
            options.bodySeconds = Double(arguments.integer("body-timeout") ?? 30_000) / 1000
            options.idleSeconds = Double(arguments.integer("idle-timeout") ?? 60_000) / 1000
            do throws(RunFailure) {
                if let path = arguments.text("tokens") { options.tokens = try Tokens(path) }
            } catch {
                throw Failure(error)
            }
            options.certificate = try Self.file(arguments, "tls-certificate")
            options.key = try Self.file(arguments, "tls-key")
            guard (options.certificate == nil) == (options.key == nil) else {
                throw Failure(code: .usage, message: "--tls-certificate and --tls-key need each other")
            }
            if isOpen, !address.isLoopback, options.tokens == nil {
                Diagnostics.warning("everybody who reaches \(text) may ask everything: --no-authentication")
            }
            (self.options, self.scoring, isQuiet) = (options, scoring, arguments.flag("quiet"))
            shown = ShownContent(content)
        }

        /// Beside a run that reads its inputs.
        convenience init?(_ arguments: ParsedArguments, for loaded: Configurations.Loaded) throws(Failure) {
            try self.init(arguments, content: DeskContent(loaded.file, loaded.resolved.rules))
        }

        convenience init?(_ arguments: ParsedArguments, for pipeline: Pipeline) throws(Failure) {
            try self.init(arguments, content: DeskContent(pipeline))
        }

        /// What was reloaded is shown.
        func show(_ loaded: Configurations.Loaded) { shown.show(DeskContent(loaded.file, loaded.resolved.rules)) }

        func show(_ pipeline: Pipeline) { shown.show(DeskContent(pipeline)) }

        private static func file(_ arguments: ParsedArguments, _ option: String) throws(Failure) -> String? {
            guard let path = arguments.text(option) else { return nil }
            do throws(FileError) {
                return String(decoding: try readFile(path, atMost: 1 << 20), as: UTF8.self)
            } catch {
                throw Failure(code: .noInput, message: "--\(option) '\(path)' cannot be read: \(error.description)")
            }
        }

        /// Begins to listen, unless it has.
        func begin(_ metrics: RunMetrics?, folder: String?) throws(Failure) {
            if listener.withLock({ $0 != nil }) { return }
            let pages = RunPages(
                version: Declaration.version, metrics: metrics ?? RunMetrics(), folder: folder, shown)
            do throws(RunFailure) {
                let begun = try Listener(options, pages, scoring)
                listener.withLock { $0 = begun }
                if !isQuiet { Diagnostics.say("listening at \(begun.place)") }
            } catch {
                throw Failure(error)
            }
        }

        /// Answers what is under way, and takes nothing else.
        func drain(seconds: Double) { listener.withLock { $0 }?.drain(seconds: seconds) }

        func stop() { listener.withLock { $0 }?.stop() }

        /// Reads the tokens again.
        func reload() {
            do throws(RunFailure) {
                try options.tokens?.reload()
            } catch {
                Diagnostics.error("the tokens stay as they were: \(error.message)")
            }
        }
    #else
        /// Beside a run that reads its inputs.
        convenience init?(_ arguments: ParsedArguments, for loaded: Configurations.Loaded) throws(Failure) {
            try self.init(arguments)
        }

        convenience init?(_ arguments: ParsedArguments, for pipeline: Pipeline) throws(Failure) {
            try self.init(arguments)
        }

        init?(_ arguments: ParsedArguments) throws(Failure) {
            guard arguments.flag("listen") else { return nil }
            throw Failure(code: .usage, message: "this assay was built without the trait 'Service'")
        }

        func begin(_ metrics: RunMetrics?, folder: String?) throws(Failure) {}
        func show(_ loaded: Configurations.Loaded) {}
        func show(_ pipeline: Pipeline) {}
        func stop() {}
        func reload() {}
    #endif
}
