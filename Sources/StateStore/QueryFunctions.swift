import CSQLite
import Glibc

/// Aggregates for queries that SQLite lacks: `median(x)` and `percentile(x, p)`, p from 0 to 100. Between two values
/// the result lies in proportion; what is NULL does not count.
enum QueryFunctions {
    /// The values of one group.
    private final class Sample {
        var values: [Double] = []
        /// The wanted percentile.
        var percent = 50.0
        var fault: String?
    }

    static func add(to handle: OpaquePointer) -> Bool {
        let flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS
        let functions: [(name: String, arguments: Int32)] = [("median", 1), ("percentile", 2)]
        return functions.allSatisfy { function in
            sqlite3_create_function_v2(handle, function.name, function.arguments, flags, nil, nil, step, finish, nil)
                == SQLITE_OK
        }
    }

    /// SQLite keeps one word for each group, zero at first: the reference to its sample.
    private static func word(_ context: OpaquePointer?) -> UnsafeMutablePointer<UInt>? {
        sqlite3_aggregate_context(context, Int32(MemoryLayout<UInt>.size))?.assumingMemoryBound(to: UInt.self)
    }

    private static func sample(_ word: UnsafeMutablePointer<UInt>) -> Sample {
        if let address = UnsafeRawPointer(bitPattern: word.pointee) {
            return Unmanaged<Sample>.fromOpaque(address).takeUnretainedValue()
        }
        let sample = Sample()
        // Released when the group ends.
        word.pointee = UInt(bitPattern: Unmanaged.passRetained(sample).toOpaque())
        return sample
    }

    private static let step: @convention(c) (OpaquePointer?, Int32, UnsafeMutablePointer<OpaquePointer?>?) -> Void = {
        context, count, arguments in
        guard let word = word(context), let arguments else { return sqlite3_result_error_nomem(context) }
        let sample = sample(word)
        if count == 2 {
            let percent = sqlite3_value_double(arguments[1])
            let isNumber = isNumeric(sqlite3_value_numeric_type(arguments[1]))
            if !isNumber || !(0...100).contains(percent) {
                sample.fault = "percentile() takes a second argument from 0 to 100"
            } else if !sample.values.isEmpty, percent != sample.percent {
                sample.fault = "the second argument of percentile() is the same for all rows of a group"
            }
            sample.percent = percent
        }
        let type = sqlite3_value_numeric_type(arguments[0])
        if type == SQLITE_NULL { return }
        guard isNumeric(type) else {
            sample.fault = sample.fault ?? "median() and percentile() take numbers"
            return
        }
        sample.values.append(sqlite3_value_double(arguments[0]))
    }

    private static func isNumeric(_ type: Int32) -> Bool { type == SQLITE_INTEGER || type == SQLITE_FLOAT }

    private static let finish: @convention(c) (OpaquePointer?) -> Void = { context in
        // A group without rows has no sample.
        guard let word = word(context), let address = UnsafeRawPointer(bitPattern: word.pointee) else {
            return sqlite3_result_null(context)
        }
        let sample = Unmanaged<Sample>.fromOpaque(address).takeRetainedValue()
        word.pointee = 0
        if let fault = sample.fault { return sqlite3_result_error(context, fault, -1) }
        guard !sample.values.isEmpty else { return sqlite3_result_null(context) }
        sample.values.sort()
        let place = sample.percent / 100 * Double(sample.values.count - 1)
        let below = Int(place)
        let value = sample.values[below]
        let next = sample.values[min(below + 1, sample.values.count - 1)]
        sqlite3_result_double(context, value + (next - value) * (place - Double(below)))
    }
}
