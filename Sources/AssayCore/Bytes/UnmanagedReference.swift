extension Unmanaged {
    /// Calls `body` with the object, which somebody else keeps, without counting a reference to it.
    @inline(__always)
    func withReference<Content, Failure>(
        _ body: (Instance) throws(Failure) -> Content
    ) throws(Failure) -> Content {
        let result = _withUnsafeGuaranteedRef { object in Result { () throws(Failure) in try body(object) } }
        return try result.get()
    }
}
