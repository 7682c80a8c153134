import Glibc

/// SIGINT and SIGTERM: the first makes a descriptor readable, the second ends the process.
///
/// A thread waits for them, so no code runs inside a signal handler.
enum StopSignals {
    /// The descriptor that becomes readable at the first signal; -1 when none could be made.
    static func watch() -> Int32 {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return -1 }
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGTERM)
        // Threads made later inherit this, so only the waiting one sees the signals.
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        let context = Unmanaged.passRetained(Context(signals: signals, writeEnd: ends[1]))
        var thread = pthread_t()
        let created = pthread_create(
            &thread, nil,
            { argument in
                let context = Unmanaged<Context>.fromOpaque(argument!).takeRetainedValue()
                context.wait()
                return nil
            }, context.toOpaque())
        guard created == 0 else {
            context.release()
            pthread_sigmask(SIG_UNBLOCK, &signals, nil)
            return -1
        }
        pthread_detach(thread)
        return ends[0]
    }

    private final class Context {
        private var signals: sigset_t
        private let writeEnd: Int32

        init(signals: sigset_t, writeEnd: Int32) {
            self.signals = signals
            self.writeEnd = writeEnd
        }

        func wait() {
            var signal: Int32 = 0
            guard sigwait(&signals, &signal) == 0 else { return }
            var byte: UInt8 = 1
            if write(writeEnd, &byte, 1) != 1 { _exit(128 + signal) }
            guard sigwait(&signals, &signal) == 0 else { return }
            _exit(128 + signal)
        }
    }
}
