import Arguments
import Assay

#if Service
    import Service
#endif

/// What answers over HTTP while a run goes on, if the command line asks for it.
struct Listening {
    #if Service
        private let listener: Listener
    #endif

    static let options: [Option] = [
        .value(
            "listen", "ADDRESS",
            help: "answer HTTP at this address, such as 127.0.0.1:9100: metrics, health, status and events")
    ]

    /// Begins to listen; nil where nobody asked for it.
    init?(_ arguments: ParsedArguments, _ metrics: RunMetrics?, folder: String?) throws(Failure) {
        guard let text = arguments.text("listen") else { return nil }
        #if Service
            guard let address = ListenAddress(text) else {
                throw Failure(code: .usage, message: "--listen takes ADDRESS:PORT, such as 127.0.0.1:9100")
            }
            guard address.isLoopback else {
                throw Failure(
                    code: .usage, message: "--listen \(text) would answer everybody who reaches this machine")
            }
            let pages = RunPages(version: Declaration.version, metrics: metrics ?? RunMetrics(), folder: folder)
            do throws(RunFailure) {
                listener = try Listener(Listener.Options(address), pages)
            } catch {
                throw Failure(error)
            }
            if !arguments.flag("quiet") { Diagnostics.say("listening at \(listener.place)") }
        #else
            throw Failure(code: .usage, message: "this assay was built without the trait 'Service'")
        #endif
    }

    func stop() {
        #if Service
            listener.stop()
        #endif
    }
}
