import Assay
import AssayCore
import CAssay
import Glibc

// The functions of `assay.h`, which says what they promise.

private func core(_ handle: UnsafeMutableRawPointer?) -> ScoringCore {
    guard let handle else { preconditionFailure("a core is passed to the functions of a core") }
    return Unmanaged<ScoringCore>.fromOpaque(handle).takeUnretainedValue()
}

private typealias Fault = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

private func tell(_ error: ConfigurationError, _ fault: Fault?) {
    fault?.pointee = strdup(([error] + error.others).map(\.description).joined(separator: "\n"))
}

extension assay_bytes {
    fileprivate init(_ bytes: UnsafeRawBufferPointer) {
        self.init(start: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), count: bytes.count)
    }
}

/// Rules may be nested deeper than the stack of a host's thread is.
private func withDeepStack<Result: Sendable>(
    _ body: @escaping @Sendable () throws(ConfigurationError) -> Result
) throws(ConfigurationError) -> Result {
    let answers = Mailbox<Swift.Result<Result, ConfigurationError>>()
    let thread = WorkerThread {
        do throws(ConfigurationError) {
            answers.send(.success(try body()))
        } catch {
            answers.send(.failure(error))
        }
    }
    thread.join()
    guard let answer = answers.receive() else { preconditionFailure("a thread that has ended has answered") }
    return try answer.get()
}

private func bytes(_ start: UnsafePointer<UInt8>?, _ count: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : count)
}

private func text(_ start: UnsafePointer<CChar>?, _ count: Int) -> String {
    String(decoding: UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : count), as: UTF8.self)
}

/// As in the header.
@c @implementation
public func assay_configuration(
    _ path: UnsafePointer<CChar>?, _ fault: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> UnsafeMutablePointer<CChar>? {
    do throws(ConfigurationError) {
        let path = path.map { String(cString: $0) } ?? ""
        let text = try withDeepStack { () throws(ConfigurationError) -> String in
            let file = path.isEmpty ? Configuration() : try Configuration.load(path)
            let alone = try file.standingAlone(path: path, upTo: .max)
            return alone.plan(try alone.resolve(path: path)).configuration
        }
        return strdup(text)
    } catch {
        tell(error, fault)
        return nil
    }
}

/// As in the header.
@c @implementation
public func assay_free(_ text: UnsafeMutablePointer<CChar>?) { free(text) }

/// A core for the thread that reads a configuration, and back from it.
///
/// @unchecked Sendable: the caller waits, and that thread has ended when the core is used again.
private final class NewCore: @unchecked Sendable {
    let core: ScoringCore

    init(_ core: ScoringCore) {
        self.core = core
    }
}

/// As in the header.
@c @implementation
public func assay_open(
    _ configuration: UnsafePointer<CChar>?, _ count: Int, _ groups: Int32,
    _ fault: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> UnsafeMutableRawPointer? {
    do throws(ConfigurationError) {
        guard groups > 0, groups <= ScoringCore.mostGroups else {
            throw ConfigurationError(
                path: "the configuration", position: nil,
                message: "there are 1 to \(ScoringCore.mostGroups) key groups")
        }
        let text = text(configuration, count)
        let new = try withDeepStack { () throws(ConfigurationError) in
            NewCore(try ScoringCore(text, groups: Int(groups)))
        }
        return Unmanaged.passRetained(new.core).toOpaque()
    } catch {
        tell(error, fault)
        return nil
    }
}

/// As in the header.
@c @implementation
public func assay_close(_ handle: UnsafeMutableRawPointer?) {
    guard let handle else { return }
    Unmanaged<ScoringCore>.fromOpaque(handle).release()
}

/// As in the header.
@c @implementation
public func assay_reload(
    _ handle: UnsafeMutableRawPointer?, _ configuration: UnsafePointer<CChar>?, _ count: Int,
    _ fault: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
    do throws(ConfigurationError) {
        let (text, core) = (text(configuration, count), NewCore(core(handle)))
        try withDeepStack { () throws(ConfigurationError) in try core.core.reload(text) }
        return 0
    } catch {
        tell(error, fault)
        return -1
    }
}

/// As in the header.
@c @implementation
public func assay_room(_ handle: UnsafeMutableRawPointer?, _ count: Int) -> UnsafeMutablePointer<UInt8>? {
    core(handle).room(count)
}

/// As in the header.
@c @implementation
public func assay_score(_ handle: UnsafeMutableRawPointer?, _ count: Int) -> Int32 {
    let core = core(handle)
    guard !core.isDamaged else { return -1 }
    do throws(StoreError) {
        try core.score(count)
        return 0
    } catch {
        return -1
    }
}

/// As in the header.
@c @implementation
public func assay_assessments(_ handle: UnsafeMutableRawPointer?) -> assay_bytes {
    assay_bytes(core(handle).assessments.bytes)
}

/// As in the header.
@c @implementation
public func assay_rejects(_ handle: UnsafeMutableRawPointer?) -> assay_bytes { assay_bytes(core(handle).rejects.bytes) }

/// As in the header.
@c @implementation
public func assay_route(_ handle: UnsafeMutableRawPointer?, _ count: Int, _ targets: Int32) -> Int32 {
    core(handle).route(count, targets: Int(targets)) ? 0 : -1
}

/// As in the header.
@c @implementation
public func assay_share(_ handle: UnsafeMutableRawPointer?, _ target: Int32) -> assay_bytes {
    assay_bytes(core(handle).share(Int(target)))
}

/// As in the header.
@c @implementation
public func assay_export(_ handle: UnsafeMutableRawPointer?, _ most: Int) -> assay_bytes {
    let core = core(handle)
    core.export(most)
    return assay_bytes(core.exported.bytes)
}

/// As in the header.
@c @implementation
public func assay_import(
    _ handle: UnsafeMutableRawPointer?, _ entries: UnsafePointer<UInt8>?, _ count: Int, _ isKnown: Int32
) -> Int32 {
    do throws(StateDecodingError) {
        try core(handle).take(bytes(entries, count), isKnown: isKnown != 0)
        return 0
    } catch {
        return -1
    }
}

/// As in the header.
@c @implementation
public func assay_entry(
    _ handle: UnsafeMutableRawPointer?, _ line: UnsafePointer<UInt8>?, _ count: Int,
    _ fault: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> assay_bytes {
    let core = core(handle)
    do throws(StateTransfer.Problem) {
        try core.makeEntry(of: Array(bytes(line, count)))
        return assay_bytes(core.answer.bytes)
    } catch {
        fault?.pointee = strdup(error.message)
        return assay_bytes(start: nil, count: 0)
    }
}

/// As in the header.
@c @implementation
public func assay_clock(_ handle: UnsafeMutableRawPointer?) -> assay_bytes {
    let core = core(handle)
    core.tellClock()
    return assay_bytes(core.answer.bytes)
}

/// As in the header.
@c @implementation
public func assay_set_clock(
    _ handle: UnsafeMutableRawPointer?, _ clock: UnsafePointer<UInt8>?, _ count: Int
) -> Int32 {
    core(handle).set(clock: bytes(clock, count)) ? 0 : -1
}

/// As in the header.
@c @implementation
public func assay_get_counts(_ handle: UnsafeMutableRawPointer?) -> assay_counts {
    let core = core(handle)
    let counts = core.counts
    return assay_counts(
        users: Int64(core.users), memory: Int64(core.memory), accepted: counts.accepted,
        rejected: counts.rejects.reduce(0, +), low: counts.levels[0], medium: counts.levels[1],
        high: counts.levels[2], critical: counts.levels[3])
}

/// As in the header.
@c @implementation
public func assay_rule_counts(_ handle: UnsafeMutableRawPointer?) -> assay_bytes {
    let core = core(handle)
    core.tellRules()
    return assay_bytes(core.answer.bytes)
}
