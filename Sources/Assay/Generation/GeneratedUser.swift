import AssayCore

/// A generated user: all habits follow from the seed and the number, so that none need be stored.
struct GeneratedUser {
    let number: UInt64
    let home: City
    /// Microdegrees: home, work, and two shops.
    let places: [(latitude: Int64, longitude: Int64)]
    let favouriteTypes: [StaticString]
    /// The natural logarithm of a usual amount.
    let amountLogarithm: Double
    /// The deviation of that, where amounts are varied.
    let amountSpread: Double
    /// UTC.
    let firstHour: UInt64
    let activeHours: UInt64

    struct City {
        let latitude: Int64
        let longitude: Int64
        let currency: StaticString
        /// Hours ahead of UTC, rounded.
        let hoursAhead: Int64
        /// Roughly how many of the currency equal one euro.
        let priceLogarithm: Double
    }

    static let cities: [City] = [
        City(latitude: 37_566_500, longitude: 126_978_000, currency: "KRW", hoursAhead: 9, priceLogarithm: 7.3),
        City(latitude: 35_676_200, longitude: 139_650_300, currency: "JPY", hoursAhead: 9, priceLogarithm: 5.0),
        City(latitude: 51_507_400, longitude: -127_800, currency: "GBP", hoursAhead: 0, priceLogarithm: -0.2),
        City(latitude: 52_520_000, longitude: 13_405_000, currency: "EUR", hoursAhead: 1, priceLogarithm: 0),
        City(latitude: 48_856_600, longitude: 2_352_200, currency: "EUR", hoursAhead: 1, priceLogarithm: 0.1),
        City(latitude: 40_712_800, longitude: -74_006_000, currency: "USD", hoursAhead: -5, priceLogarithm: 0.2),
        City(latitude: 34_052_200, longitude: -118_243_700, currency: "USD", hoursAhead: -8, priceLogarithm: 0.1),
        City(latitude: -23_550_500, longitude: -46_633_300, currency: "BRL", hoursAhead: -3, priceLogarithm: 1.6),
        City(latitude: 19_076_000, longitude: 72_877_700, currency: "INR", hoursAhead: 5, priceLogarithm: 4.2),
        City(latitude: 1_352_100, longitude: 103_819_800, currency: "SGD", hoursAhead: 8, priceLogarithm: 0.4),
        City(latitude: -33_868_800, longitude: 151_209_300, currency: "AUD", hoursAhead: 10, priceLogarithm: 0.5),
        City(latitude: 30_044_400, longitude: 31_235_700, currency: "EGP", hoursAhead: 2, priceLogarithm: 3.2),
    ]
    static let types: [StaticString] = ["payment", "transfer", "withdrawal", "deposit", "investment"]

    init(_ number: UInt64, seed: UInt64) {
        var random = SeededRandom(seed: seed ^ (number &+ 1) &* 0xD6E8_FEB8_6659_FD93)
        self.number = number
        home = random.pick(Self.cities)
        let city = home
        places = (0..<4).map { _ in
            (
                city.latitude + Int64(random.bell() * 60_000),
                city.longitude + Int64(random.bell() * 60_000)
            )
        }
        favouriteTypes = ["payment", random.pick(Self.types), random.pick(Self.types)]
        amountLogarithm = 3.4 + 0.6 * random.bell() + city.priceLogarithm
        firstHour = UInt64((Int64(6 + random.below(4)) - city.hoursAhead + 24) % 24)
        activeHours = 13 + random.below(4)
        amountSpread = 0.25 + 0.45 * random.unit()
    }

    func isActive(hour: UInt64) -> Bool {
        (hour + 24 - firstHour) % 24 < activeHours
    }
}
