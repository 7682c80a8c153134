// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "assay",
    targets: [
        .target(name: "CBytes"),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .target(
            name: "Assay", dependencies: ["Arguments", "CBytes", "CYAML"],
            // A process function's state may be something that exists once.
            swiftSettings: [.enableExperimentalFeature("SuppressedAssociatedTypes")]),
        .target(name: "Arguments"),
        .executableTarget(name: "assay", dependencies: ["Arguments", "Assay"]),
    ],
    swiftLanguageModes: [.v6]
)
