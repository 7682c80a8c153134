import Assay
import CMicrohttpd

/// libmicrohttpd, loaded when somebody listens.
enum Library {
    static func load() throws(RunFailure) -> UnsafePointer<assay_http> {
        var fault: UnsafePointer<CChar>?
        if let library = assay_http_load(&fault) { return library }
        let reason = fault.map { String(cString: $0) } ?? "it cannot be loaded"
        throw RunFailure(.usage, "the library for HTTP is missing (\(reason)); install libmicrohttpd12")
    }
}
