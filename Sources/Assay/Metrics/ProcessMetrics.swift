import Glibc

/// Figures of the process itself.
package enum ProcessMetrics {
    package static func write(version: String, into page: inout MetricsPage) {
        page.write(.build, [([version], 1)])
        var usage = rusage()
        if getrusage(RUSAGE_SELF.rawValue, &usage) == 0 {
            page.write(.cpu, seconds(usage.ru_utime) + seconds(usage.ru_stime))
        }
        page.write(.openFiles, Double(openFiles))
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            page.write(.mostFiles, Double(limit.rlim_cur))
        }
        let fields = fields(of: "/proc/self/statm")
        if fields.count > 1, let all = Double(fields[0]), let resident = Double(fields[1]) {
            let size = Double(sysconf(Int32(_SC_PAGESIZE)))
            page.write(.virtualMemory, all * size)
            page.write(.residentMemory, resident * size)
        }
        page.write(.startTime, start)
    }

    /// The memory that the process takes; nil on a system that does not say.
    static var residentBytes: Double? {
        let fields = fields(of: "/proc/self/statm")
        return fields.count > 1 ? Double(fields[1]).map { $0 * Double(sysconf(Int32(_SC_PAGESIZE))) } : nil
    }

    private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

    private static var openFiles: Int {
        guard let folder = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        // Itself, and the two names that every folder has.
        return max(0, count - 3)
    }

    private static func fields(of path: String) -> [Substring] {
        do throws(FileError) {
            let text = String(decoding: try readFile(path, atMost: 1 << 16), as: UTF8.self)
            // The name of the program may have spaces in it.
            let rest = text.lastIndex(of: ")").map { text[text.index(after: $0)...] } ?? text[...]
            return rest.split { $0 == " " || $0 == "\n" }
        } catch {
            // A system without this file has the figure not.
            return []
        }
    }

    /// When the process began, in seconds since 1970.
    private static let start: Double = {
        let ticks = fields(of: "/proc/self/stat").dropFirst(19).first.flatMap { Double($0) } ?? 0
        var now = timespec()
        var sinceBoot = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        clock_gettime(CLOCK_BOOTTIME, &sinceBoot)
        let boot = Double(now.tv_sec - sinceBoot.tv_sec) + Double(now.tv_nsec - sinceBoot.tv_nsec) / 1e9
        return boot + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }()
}
