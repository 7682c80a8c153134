// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "assay",
    targets: [
        .target(name: "CBytes"),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .target(name: "Arguments"),
        .target(name: "StateStore", dependencies: ["CBytes", "CSQLite"]),
        .target(
            name: "Assay", dependencies: ["Arguments", "CBytes", "CYAML", "StateStore"],
            // A process function's state may be something that exists once.
            swiftSettings: [.enableExperimentalFeature("SuppressedAssociatedTypes")]),
        .executableTarget(name: "assay", dependencies: ["Arguments", "Assay"]),
        .testTarget(
            name: "AssayTests", dependencies: ["Assay"],
            swiftSettings: [.enableExperimentalFeature("SuppressedAssociatedTypes")]),
        .testTarget(name: "ArgumentsTests", dependencies: ["Arguments"]),
        .testTarget(name: "CommandTests", dependencies: ["assay"]),
        .testTarget(name: "Tidy", dependencies: []),
    ],
    swiftLanguageModes: [.v6]
)
