/// What kind of people a generated stream is about.
package enum GeneratorProfile: String, CaseIterable, Sendable {
    /// They buy at a few places that they come back to, at amounts that vary little.
    case regulars
    /// They move about near their home, use all types, and spend more variedly, some of them much more often than most.
    case commuters
    /// Regulars whose transactions say neither where they happened nor anything beyond the usual fields.
    case bare
}
