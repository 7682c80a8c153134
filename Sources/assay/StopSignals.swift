import Assay
import AssayCore
import Glibc

/// SIGINT and SIGTERM ask a run to stop, a second one ends the process; SIGUSR1 requests a checkpoint, and SIGHUP a
/// reload, if there is something to reload.
///
/// A thread waits for them, so no code runs inside a signal handler.
enum StopSignals {
    /// Called before any other thread is created, since threads inherit the signal mask.
    static func watch(
        stop: @escaping @Sendable () -> Void, checkpoint: @escaping @Sendable () -> Void,
        reload: (@Sendable () -> Void)?
    ) {
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGINT, SIGTERM, SIGUSR1] { sigaddset(&signals, signal) }
        if reload != nil { sigaddset(&signals, SIGHUP) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        let context = Unmanaged.passRetained(
            Context(signals: signals, stop: stop, checkpoint: checkpoint, reload: reload))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { context in
                Unmanaged<Context>.fromOpaque(context!).takeRetainedValue().wait()
                return nil
            }, context.toOpaque())
        guard code == 0 else {
            // Then they have their default effect.
            context.release()
            pthread_sigmask(SIG_UNBLOCK, &signals, nil)
            return
        }
        pthread_detach(thread)
    }

    /// Holds a signal back until it is watched.
    static func hold(_ signal: Int32) {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, signal)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    private final class Context {
        private var signals: sigset_t
        private let stop: @Sendable () -> Void
        private let checkpoint: @Sendable () -> Void
        private let reload: (@Sendable () -> Void)?

        init(
            signals: sigset_t, stop: @escaping @Sendable () -> Void, checkpoint: @escaping @Sendable () -> Void,
            reload: (@Sendable () -> Void)?
        ) {
            self.signals = signals
            self.stop = stop
            self.checkpoint = checkpoint
            self.reload = reload
        }

        func wait() {
            var signal: Int32 = 0
            var isStopping = false
            while sigwait(&signals, &signal) == 0 {
                if signal == SIGUSR1 {
                    checkpoint()
                } else if signal == SIGHUP {
                    reload?()
                } else if isStopping {
                    _exit(128 + signal)
                } else {
                    isStopping = true
                    stop()
                }
            }
        }
    }
}
