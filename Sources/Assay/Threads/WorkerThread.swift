import Glibc

/// A thread for work that waits on files, which must not hold up the threads of a shared pool.
package struct WorkerThread: ~Copyable {
    private let thread: pthread_t

    package init(_ work: @escaping @Sendable () -> Void) {
        final class Work {
            let run: @Sendable () -> Void
            init(_ run: @escaping @Sendable () -> Void) { self.run = run }
        }
        var created = pthread_t()
        let context = Unmanaged.passRetained(Work(work)).toOpaque()
        let code = pthread_create(
            &created, nil,
            { context in
                Unmanaged<Work>.fromOpaque(context!).takeRetainedValue().run()
                return nil
            }, context)
        guard code == 0 else { preconditionFailure("cannot create a thread: \(String(cString: strerror(code)))") }
        thread = created
    }

    /// Waits until its work is done.
    package consuming func join() {
        pthread_join(thread, nil)
    }
}

/// The time of day, for people only: nothing depends on it.
package enum WallClock {
    /// Since 1970.
    package static var milliseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}

/// Time that only goes forward.
package enum MonotonicClock {
    package static var seconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
