import Synchronization

/// Zones that were asked for before, so that each takes its file once.
package final class ZoneCache: Sendable {
    private let zones = Mutex<[String: TimeZoneRules?]>([:])

    /// Whoever asks for ever new names gets answers, but fills no memory.
    private static let mostNames = 1000

    package init() {}

    /// Nil for a name that is none.
    package func zone(_ name: String) -> TimeZoneRules? {
        if let known = zones.withLock({ $0[name] }) { return known }
        var found: TimeZoneRules?
        do throws(ZoneError) {
            found = try ZoneFile.load(name)
        } catch {
            // An expression says itself that there is no such zone.
            found = nil
        }
        zones.withLock { zones in
            if zones.count < Self.mostNames { zones[name] = .some(found) }
        }
        return found
    }
}
