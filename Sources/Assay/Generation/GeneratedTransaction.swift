import AssayCore
import Glibc

/// The values of a generated transaction.
struct GeneratedTransaction {
    let user: GeneratedUser
    let account: UInt64
    let type: StaticString
    let cents: UInt64
    let seconds: UInt64
    let merchant: UInt64
    /// Microdegrees.
    let place: (latitude: Int64, longitude: Int64)
    let category: StaticString
    let address: UInt64
    let channel: StaticString

    private static let categories: [StaticString] = [
        "grocery", "fuel", "dining", "fashion", "electronics", "health", "utilities", "travel",
    ]
    private static let channels: [StaticString] = ["card", "app", "web", "atm"]

    /// `salt`: what is the same in all transactions of a fraud.
    init(
        of user: GeneratedUser, _ profile: GeneratorProfile, fraud: TransactionGenerator.Fraud?, salt: UInt64,
        milliseconds: UInt64, _ random: inout SeededRandom
    ) {
        self.user = user
        seconds = milliseconds / 1000
        account = 1 + random.below(2)
        type = Self.type(user, profile, fraud, salt, &random)
        let factor =
            switch fraud {
            case .spike: 6 + 20 * random.unit()
            case .takeover: 2 + 6 * random.unit()
            default: 1.0
            }
        let spread = profile == .commuters ? user.amountSpread : 0.35
        cents = UInt64(exp(user.amountLogarithm + spread * random.bell()) * factor * 100)
        merchant = random.below(20_000)
        place = Self.place(user, profile, fraud, salt, &random)
        category = random.pick(Self.categories)
        address = random.next()
        channel = random.pick(Self.channels)
    }

    private static func type(
        _ user: GeneratedUser, _ profile: GeneratorProfile, _ fraud: TransactionGenerator.Fraud?, _ salt: UInt64,
        _ random: inout SeededRandom
    ) -> StaticString {
        switch (fraud, profile) {
        case (.burst, _): return salt & 1 == 0 ? "withdrawal" : "transfer"
        case (.takeover, _): return "transfer"
        case (_, .commuters):
            let drawn = random.unit()
            return GeneratedUser.types[drawn < 0.62 ? 0 : drawn < 0.8 ? 1 : drawn < 0.9 ? 2 : drawn < 0.98 ? 3 : 4]
        default: return random.unit() < 0.01 ? random.pick(GeneratedUser.types) : random.pick(user.favouriteTypes)
        }
    }

    private static func place(
        _ user: GeneratedUser, _ profile: GeneratorProfile, _ fraud: TransactionGenerator.Fraud?, _ salt: UInt64,
        _ random: inout SeededRandom
    ) -> (latitude: Int64, longitude: Int64) {
        var place = user.places[0]
        // A phone is exact to some fifty metres.
        var spread = 400.0
        switch (fraud, profile) {
        case (.travel, _), (.takeover, _):
            let city = GeneratedUser.cities[Int(salt % UInt64(GeneratedUser.cities.count))]
            place = (city.latitude, city.longitude)
        case (_, .commuters): spread = 20_000
        default:
            let drawn = random.unit()
            if drawn < 0.03 {
                // Somewhere else in town.
                place.latitude += Int64(random.bell() * 40_000)
                place.longitude += Int64(random.bell() * 40_000)
            } else {
                place = user.places[drawn < 0.45 ? 0 : drawn < 0.7 ? 1 : drawn < 0.87 ? 2 : 3]
            }
        }
        return (place.latitude + Int64(random.bell() * spread), place.longitude + Int64(random.bell() * spread))
    }
}
