import Synchronization

/// A cache of zones, so that each file is read once.
package final class ZoneCache: Sendable {
    private let zones = Mutex<[String: TimeZoneRules?]>([:])

    /// Requests for ever new names are answered, but not cached.
    private static let mostNames = 1000

    package init() {}

    /// Nil for an unknown name.
    package func zone(_ name: String) -> TimeZoneRules? {
        if let known = zones.withLock({ $0[name] }) { return known }
        var found: TimeZoneRules?
        do throws(ZoneError) {
            found = try ZoneFile.load(name)
        } catch {
            // The expression reports the unknown zone.
            found = nil
        }
        zones.withLock { zones in
            if zones.count < Self.mostNames { zones[name] = .some(found) }
        }
        return found
    }
}
