import Arguments
import CBytes
import Glibc

/// A transaction far from every place that the user has visited.
package struct LocationCheck {
    private let settings: ScoringSettings.LocationNumbers

    private static let earthRadiusKilometers = 6371.0
    private static let kilometersPerDegree = earthRadiusKilometers * .pi / 180

    // The plane through the transaction's place gives distances within these bounds to a part in three thousand, which
    // settles nearly every transaction without trigonometry: all but the far ones and those at a bound.
    private static let planeLatitudes = -80.0...80.0
    private static let farthestOnPlane = 120.0
    private static let planeTolerance = 0.002
    /// A factor of squares.
    private static let clearlyFarther = (1 + planeTolerance) * (1 + planeTolerance)

    // Squares of degrees on the plane: within the first it is the same place, within the second it is neither the same
    // nor unusual. Neither holds where the plane's error might matter.
    private let clearlySame: Double
    private let clearlyNeither: Range<Double>

    init(_ settings: ScoringSettings.LocationNumbers) {
        precondition(settings.samePlaceKilometers <= settings.unusualKilometers, "a known place is never unusual")
        self.settings = settings
        func squaredDegrees(_ kilometers: Double, _ factor: Double) -> Double {
            let degrees = kilometers / Self.kilometersPerDegree * factor
            return degrees * degrees
        }
        // Within a millimetre the exact formula's own rounding decides.
        clearlySame =
            settings.samePlaceKilometers < 1e-6
            ? -1 : squaredDegrees(min(settings.samePlaceKilometers, Self.farthestOnPlane), 1 - Self.planeTolerance)
        let usual = squaredDegrees(min(settings.unusualKilometers, Self.farthestOnPlane), 1 - Self.planeTolerance)
        let other = squaredDegrees(settings.samePlaceKilometers, 1 + Self.planeTolerance).nextUp
        clearlyNeither = other..<max(other, usual)
    }

    /// What a location means for a user, before anything is updated.
    enum Finding {
        /// At a known place.
        case visited(Int)
        case newPlace(kilometers: Double?)
    }

    /// `kilometers` is only computed where it matters: when the place is unusually far.
    @inline(__always)
    func find(_ location: Location, among places: UnsafeMutableBufferPointer<Location>) -> Finding {
        if places.isEmpty { return .newPlace(kilometers: nil) }
        return findOnPlane(location, among: places) ?? findOnSphere(location, among: places)
    }

    /// The distance to the nearest place.
    func kilometers(from location: Location, to places: UnsafeMutableBufferPointer<Location>) -> Double? {
        places.lazy.map { Self.haversineKilometers(location, $0) }.min()
    }

    @inline(__always)
    func assess(_ finding: Finding, factors: inout FactorList) {
        guard case .newPlace(let kilometers?) = finding else { return }
        factors.append(.unusualLocation(kilometers: kilometers, risk: risk(kilometers)))
    }

    @inline(__always)
    private func risk(_ kilometers: Double) -> Double { min(kilometers / settings.fullRiskKilometers, 1) }

    func report(_ location: Location?, state: borrowing UserState) -> CheckReport {
        var report = CheckReport("location")
        guard let location else {
            report.silence = "the transaction has no location"
            return report
        }
        let places = state.places
        report.inputs = [
            ("location", "\(location.latitude), \(location.longitude)"), ("places", "\(places.count)"),
        ]
        let distances = places.map { Self.haversineKilometers(location, $0) }
        guard let kilometers = distances.min(), let nearest = distances.firstIndex(of: kilometers) else {
            report.silence = "no place is known yet"
            return report
        }
        report.inputs.append(("nearest", "\(places[nearest].latitude), \(places[nearest].longitude)"))
        report.comparisons = [
            CheckReport.Comparison(
                "km to the nearest place", kilometers, above: settings.unusualKilometers, risk: risk(kilometers))
        ]
        report.words = [
            "\(Figures.decimal(kilometers, digits: 1)) km from the nearest of \(places.count) known "
                + "\(places.count == 1 ? "place" : "places"), up to "
                + "\(Figures.decimal(settings.unusualKilometers, digits: 0)) km are usual"
        ]
        return report
    }

    @inline(__always)
    func update(
        _ location: Location, _ finding: Finding, state: inout UserState, pool: inout BlockPool
    ) {
        switch finding {
        case .visited(let index): state.visitPlace(index)
        case .newPlace: state.addPlace(location, in: &pool)
        }
    }

    /// Nil where the plane is not exact enough to decide.
    @inline(__always)
    private func findOnPlane(_ location: Location, among places: UnsafeMutableBufferPointer<Location>) -> Finding? {
        guard Self.planeLatitudes.contains(location.latitude) else { return nil }
        // The product of both latitudes' cosines, as a polynomial of the degrees between them.
        let (sine, cosine) = Self.sineAndCosine(location.latitude * Self.radiansPerDegree)
        let own = cosine * cosine
        let plane = assay_plane(
            latitude: location.latitude, longitude: location.longitude, own: own,
            slope: sine * cosine * Self.radiansPerDegree,
            bend: own / 2 * Self.radiansPerDegree * Self.radiansPerDegree)
        let pairs = UnsafeRawPointer(places.baseAddress!).assumingMemoryBound(to: Double.self)
        let found = assay_nearest_places(pairs, UInt32(places.count), plane)
        if found.nearest <= clearlySame {
            // If two are almost equally near, the sphere decides.
            return found.second > found.nearest * Self.clearlyFarther + 1e-12 ? .visited(Int(found.index)) : nil
        }
        return clearlyNeither.contains(found.nearest) ? .newPlace(kilometers: nil) : nil
    }

    private static var radiansPerDegree: Double { .pi / 180 }

    /// Up to a right angle in either direction, to a part in ten million.
    @inline(__always)
    private static func sineAndCosine(_ angle: Double) -> (Double, Double) {
        let x = angle * angle
        // The reciprocals of the factorials.
        let high = 1 / 5040.0 - x * (1 / 362_880.0 - x * (1 / 39_916_800.0))
        let sine = 1 - x * (1 / 6.0 - x * (1 / 120.0 - x * high))
        let highest = 1 / 40_320.0 - x * (1 / 3_628_800.0 - x * (1 / 479_001_600.0))
        let cosine = 1 - x * (1 / 2.0 - x * (1 / 24.0 - x * (1 / 720.0 - x * highest)))
        return (angle * sine, cosine)
    }

    /// How far two places are apart, from 0 to 1, so exactly that only `roughTolerance` of it and `roughError` are in
    /// doubt: `cosine` is that of the first one's latitude.
    private static func roughDistance(_ one: Location, cosine: Double, _ other: Location) -> Double {
        let halfDegree = radiansPerDegree / 2
        let north = sineAndCosine((other.latitude - one.latitude) * halfDegree).0
        let apart = abs(other.longitude - one.longitude)
        let east = sineAndCosine(min(apart, 360 - apart) * halfDegree).0
        return north * north + cosine * sineAndCosine(other.latitude * radiansPerDegree).1 * east * east
    }

    private static let roughTolerance = 1e-5
    private static let roughError = 2e-8

    /// The exact formula decides between those that may be the nearest.
    @inline(never)
    private func findOnSphere(_ location: Location, among places: UnsafeMutableBufferPointer<Location>) -> Finding {
        let cosine = Self.sineAndCosine(location.latitude * Self.radiansPerDegree).1
        return withUnsafeTemporaryAllocation(of: Double.self, capacity: places.count) { rough in
            var least = Double.infinity
            for index in places.indices {
                let distance = Self.roughDistance(location, cosine: cosine, places[index])
                rough.initializeElement(at: index, to: distance)
                least = min(least, distance)
            }
            let farthest = least * (1 + Self.roughTolerance) + Self.roughError
            var nearest = Double.infinity
            var nearestIndex = 0
            // The latest visited comes first, so it wins ties.
            for index in places.indices where rough[index] <= farthest {
                let distance = Self.haversineKilometers(location, places[index])
                if distance < nearest { (nearest, nearestIndex) = (distance, index) }
            }
            if nearest <= settings.samePlaceKilometers { return .visited(nearestIndex) }
            return .newPlace(kilometers: nearest > settings.unusualKilometers ? nearest : nil)
        }
    }

    package static func haversineKilometers(_ one: Location, _ other: Location) -> Double {
        let radians = Double.pi / 180
        let latitudes = sin((other.latitude - one.latitude) * radians / 2)
        let longitudes = sin((other.longitude - one.longitude) * radians / 2)
        let a =
            latitudes * latitudes
            + cos(one.latitude * radians) * cos(other.latitude * radians) * longitudes * longitudes
        let clamped = min(max(a, 0), 1)
        return 2 * earthRadiusKilometers * atan2(clamped.squareRoot(), (1 - clamped).squareRoot())
    }
}
